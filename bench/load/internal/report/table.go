package report

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// Table writes the runs, a line each, grouped by load. The last column is how late
// the arrivals were sent, at p99: where it is not small, the machine was too busy
// for the rest to mean much.
func (r Results) Table(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "load\t\toffered\tgoodput\tp50\tp90\tp99\tp99.9\tmax\tfailed\trefused\tshed\tcalls\tRSS\tgo-\trecovery\tlate\t")
	fmt.Fprintln(t, "\t\t/s\t/s\tms\tms\tms\tms\tms\t\t\t\t\tMB\troutines\tms\tms\t")
	for _, load := range r.Rates() {
		for _, run := range r.At(load) {
			l := run.Latency
			fmt.Fprintf(t, "%gx\t%s\t%.0f\t%.0f\t%s\t%s\t%s\t%s\t%s\t%d\t%d\t%d\t%d\t%.0f\t%d\t%s\t%s\t\n",
				load, run.Title, float64(run.Offered)/run.Seconds, run.Goodput,
				ms(l.P50), ms(l.P90), ms(l.P99), ms(l.P999), ms(l.Max),
				run.Failed, run.Refused, run.Shed, run.Service.Calls,
				float64(run.Process.PeakRSS)/(1<<20), run.Process.PeakGoroutines, recovery(run), ms(run.LateP99))
		}
	}
	return t.Flush()
}

// ms keeps three digits or so.
func ms(v float64) string {
	if v >= 100 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.1f", v)
}

func recovery(r Run) string {
	if r.Recovery == nil {
		return "-"
	}
	return fmt.Sprintf("%.0f", *r.Recovery)
}

// Faults returns a line for each thing that must not happen in a run of any
// implementation.
func (r Run) Faults() []string {
	var faults []string
	bad := func(wrong bool, format string, args ...any) {
		if wrong {
			faults = append(faults, fmt.Sprintf("%s at %gx: ", r.Title, r.Load)+fmt.Sprintf(format, args...))
		}
	}
	bad(r.Lost, "%d arrivals, but %d fates", r.Offered, r.Done())
	bad(r.Wrong > 0, "%d answers went to the wrong caller", r.Wrong)
	bad(r.Process.LeftGoroutines > 0, "%d goroutines were left behind", r.Process.LeftGoroutines)
	return faults
}

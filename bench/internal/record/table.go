package record

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

// Ours is the implementation that the others are compared with, unless a table
// says otherwise.
const Ours = "weir"

// Table says what is shown.
type Table struct {
	// Peer is an implementation: each figure is divided by its. "" divides those
	// of Ours by each.
	Peer string
	// Units are shown; all if there are none.
	Units []string
}

// Print writes a block for each question: a line for each implementation, with
// a median and a ratio for each unit.
func (t Table) Print(out io.Writer, r *Record) error {
	done := map[string]bool{}
	for _, p := range r.order {
		if done[p.Question] {
			continue
		}
		done[p.Question] = true
		if err := t.block(out, r, p.Question); err != nil {
			return err
		}
	}
	return nil
}

func (t Table) block(out io.Writer, r *Record, question string) error {
	impls, units := t.axes(r, question)
	if len(units) == 0 {
		return nil
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "%s\t", question)
	for _, u := range units {
		fmt.Fprintf(w, "%s\t", u)
		if compared(u) {
			fmt.Fprintf(w, "%s\t", t.head())
		}
	}
	fmt.Fprintln(w)
	for _, impl := range impls {
		fmt.Fprintf(w, "%s\t", impl)
		for _, u := range units {
			v, ok := r.Median(Place{question, impl, u})
			fmt.Fprintf(w, "%s\t", Figure(v, ok))
			if compared(u) {
				fmt.Fprintf(w, "%s\t", t.ratio(r, question, impl, u))
			}
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintln(w)
	return w.Flush()
}

func (t Table) head() string {
	if t.Peer == "" {
		return Ours + "/it"
	}
	return "it/" + t.Peer
}

func (t Table) ratio(r *Record, question, impl, unit string) string {
	above, below := impl, t.Peer
	if t.Peer == "" {
		above, below = Ours, impl
	}
	a, okA := r.Median(Place{question, above, unit})
	b, okB := r.Median(Place{question, below, unit})
	if !okA || !okB || a == 0 || b == 0 {
		return "-"
	}
	return strconv.FormatFloat(a/b, 'f', 3, 64)
}

// axes returns the implementations and the units of a question, as first seen.
func (t Table) axes(r *Record, question string) (impls, units []string) {
	for _, p := range r.order {
		if p.Question != question || len(t.Units) > 0 && !slices.Contains(t.Units, p.Unit) {
			continue
		}
		if !slices.Contains(impls, p.Impl) {
			impls = append(impls, p.Impl)
		}
		if !slices.Contains(units, p.Unit) {
			units = append(units, p.Unit)
		}
	}
	return impls, units
}

// compared reports a unit of time or of size that a benchmark reports itself.
// Allocations are shown and not divided: most of ours are 0.
func compared(unit string) bool {
	return strings.Contains(unit, "ns") || strings.HasSuffix(unit, "-B")
}

// Figure returns a median as text: "-" if there is none.
func Figure(v float64, ok bool) string {
	switch {
	case !ok:
		return "-"
	case v >= 100 || v == float64(int64(v)):
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}

package report

import (
	"encoding/json"
	"io"
	"time"

	"github.com/weir-go/weir/bench/load/internal/job"
	"github.com/weir-go/weir/bench/load/internal/measure"
	"github.com/weir-go/weir/bench/load/internal/service"
)

// Results are those of one call of the program.
type Results struct {
	Machine Machine `json:"machine"`
	Setup   Setup   `json:"setup"`
	Runs    []Run   `json:"runs"`
}

// Setup is what was the same in all runs. Durations are in nanoseconds, as
// encoding/json has them.
type Setup struct {
	Duration time.Duration   `json:"duration"`
	Settings job.Settings    `json:"settings"`
	Service  service.Manners `json:"service"`
	Capacity float64         `json:"capacity"` // of the service, calls a second
}

// Run is one implementation at one rate.
type Run struct {
	Impl  string  `json:"impl"`
	Title string  `json:"title"`
	Load  float64 `json:"load"` // as a part of the capacity
	Rate  float64 `json:"rate"` // arrivals a second
	measure.Figures
	// Service is what reached the service.
	Service service.Counts `json:"service"`
	Process Process        `json:"process"`
}

// Process is what the run cost the client's process, which is there for this
// run alone.
type Process struct {
	// BaseRSS was occupied before the run, PeakRSS is the most there was, in
	// bytes; 0 where the system does not tell.
	BaseRSS uint64 `json:"base_rss"`
	PeakRSS uint64 `json:"peak_rss"`
	// PeakGoroutines includes two for each connection; LeftGoroutines is how many
	// more there were after the run than before.
	PeakGoroutines int              `json:"peak_goroutines"`
	LeftGoroutines int              `json:"left_goroutines"`
	Samples        []measure.Sample `json:"samples,omitempty"`
}

// Rates returns the loads of the runs, in the order of their first appearance.
func (r Results) Rates() []float64 {
	var rates []float64
	seen := map[float64]bool{}
	for _, run := range r.Runs {
		if !seen[run.Load] {
			seen[run.Load] = true
			rates = append(rates, run.Load)
		}
	}
	return rates
}

// At returns the runs at a load, by the order of titles first seen in all runs,
// so that each implementation has its place at every load.
func (r Results) At(load float64) []Run {
	var runs []Run
	for _, title := range r.Titles() {
		for _, run := range r.Runs {
			if run.Load == load && run.Title == title {
				runs = append(runs, run)
			}
		}
	}
	return runs
}

// Titles returns the implementations, in the order of their first runs.
func (r Results) Titles() []string {
	var titles []string
	seen := map[string]bool{}
	for _, run := range r.Runs {
		if !seen[run.Title] {
			seen[run.Title] = true
			titles = append(titles, run.Title)
		}
	}
	return titles
}

// JSON writes the results.
func (r Results) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	return e.Encode(r)
}

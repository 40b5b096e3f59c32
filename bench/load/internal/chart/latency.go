package chart

import (
	"io"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"

	"github.com/weir-go/weir/bench/load/internal/report"
)

// Latency draws the latencies of the successes by percentile. The axis gives
// each further nine the same room, as HdrHistogram's plots do; both axes are
// logarithmic.
func Latency(w io.Writer, r report.Results) error {
	return sheet(w, r, "latency of the successes from their intended start", latencies)
}

func latencies(p *plot.Plot, r report.Results, runs []report.Run) error {
	// On a logarithmic axis the library keeps room for a long label at the wrong
	// height; the caption says the rest.
	p.X.Label.Text, p.Y.Label.Text = "percentile", "ms"
	p.X.Min, p.X.Tick.Marker = 0, plot.ConstantTicks{
		{Value: 0, Label: "0"}, {Value: nines(.5), Label: "50"}, {Value: nines(.9), Label: "90"},
		{Value: nines(.99), Label: "99"}, {Value: nines(.999), Label: "99.9"}, {Value: nines(.9999), Label: "99.99"},
	}
	p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, round{1, 2, 5}
	p.Legend.Top, p.Legend.Left = false, false // where no curve comes
	for _, run := range runs {
		var points plotter.XYs
		for _, at := range run.Curve {
			points = append(points, plotter.XY{X: nines(at[0]), Y: max(at[1], least)})
		}
		if points == nil {
			continue // nothing succeeded
		}
		if err := add(p, r, run.Title, points); err != nil {
			return err
		}
	}
	// The same in all panels, so that they can be compared.
	p.X.Max, p.Y.Min, p.Y.Max = nines(.9999), least, most(r)
	return nil
}

// least is where the axis begins, in ms. Callers that share
// a call which is nearly done have quicker answers, but a chart of these shows nothing.
const least = 1

// most is a little more than the slowest answer of all runs.
func most(r report.Results) float64 {
	top := 10.0 * least
	for _, run := range r.Runs {
		for _, at := range run.Curve {
			if nines(at[0]) <= nines(.9999) {
				top = max(top, at[1])
			}
		}
	}
	return 1.2 * top
}

// nines is 1 for 90 %, 2 for 99 %, and so on.
func nines(quantile float64) float64 { return -math.Log10(1 - quantile) }

// round marks the given multiples of each power of ten.
type round []float64

// Ticks implements [plot.Ticker].
func (r round) Ticks(from, to float64) []plot.Tick {
	var ticks []plot.Tick
	for power := math.Pow(10, math.Floor(math.Log10(from))); power <= to; power *= 10 {
		for _, m := range r {
			if v := m * power; v >= from && v <= to {
				ticks = append(ticks, plot.Tick{Value: v, Label: label(v)})
			}
		}
	}
	return ticks
}

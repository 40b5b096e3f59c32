package chart

import (
	"io"
	"strconv"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"github.com/weir-go/weir/bench/load/internal/report"
)

// Goodput draws the successes a second over time. The outage is grey, and the
// capacity of the service a thin line.
func Goodput(w io.Writer, r report.Results) error {
	return sheet(w, r, "successes through an outage of the service", goodputs)
}

func goodputs(p *plot.Plot, r report.Results, runs []report.Run) error {
	s := r.Setup
	p.X.Label.Text, p.Y.Label.Text = "seconds", "successes a second"
	top := s.Capacity
	for _, run := range runs {
		for _, v := range run.Series {
			top = max(top, v)
		}
	}
	top *= 1.3 // room for the legend
	if err := backdrop(p, s, top); err != nil {
		return err
	}
	p.Legend.Top, p.Legend.Left = true, true
	for _, run := range runs {
		points := make(plotter.XYs, len(run.Series))
		for at, v := range run.Series {
			points[at] = plotter.XY{X: (float64(at) + 0.5) * run.Step, Y: v}
		}
		if len(points) == 0 {
			continue
		}
		if err := add(p, r, run.Title, points); err != nil {
			return err
		}
	}
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = 0, s.Duration.Seconds(), 0, top
	return nil
}

// backdrop draws what the curves are to be seen against.
func backdrop(p *plot.Plot, s report.Setup, top float64) error {
	if from, d := s.Service.OutageAt.Seconds(), s.Service.Outage; d > 0 {
		to := from + float64(d)/float64(time.Second)
		band, err := plotter.NewPolygon(plotter.XYs{{X: from}, {X: to}, {X: to, Y: top}, {X: from, Y: top}})
		if err != nil {
			return err
		}
		band.Color, band.LineStyle.Width = grey, 0
		p.Add(band)
	}
	limit, err := plotter.NewLine(plotter.XYs{{Y: s.Capacity}, {X: s.Duration.Seconds(), Y: s.Capacity}})
	if err != nil {
		return err
	}
	limit.Width = vg.Points(0.5)
	p.Add(limit)
	return nil
}

func label(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

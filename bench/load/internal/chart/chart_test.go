package chart_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/bench/load/internal/chart"
	"github.com/weir-go/weir/bench/load/internal/measure"
	"github.com/weir-go/weir/bench/load/internal/report"
	"github.com/weir-go/weir/bench/load/internal/service"
)

var charts = map[string]func(io.Writer, report.Results) error{"latency": chart.Latency, "goodput": chart.Goodput}

// each runs a test with each of the charts.
func each(t *testing.T, test func(t *testing.T, draw func(io.Writer, report.Results) error)) {
	for name, draw := range charts {
		t.Run(name, func(t *testing.T) { test(t, draw) })
	}
}

func results() report.Results {
	run := func(title string, load float64) report.Run {
		return report.Run{Title: title, Load: load, Rate: 1000 * load, Figures: measure.Figures{
			Curve:  [][2]float64{{0, 3}, {0.5, 7}, {0.9, 12}, {0.99, 30}, {0.999, 80}},
			Series: []float64{500, 480, 0, 510}, Step: 0.5,
		}}
	}
	return report.Results{
		Machine: report.Machine{CPU: "Abacus", Cores: 2, OS: "linux/amd64", Go: "go1.27.4", Date: "2026-11-23"},
		Setup: report.Setup{
			Duration: 2 * time.Second, Capacity: 1000,
			Service: service.Manners{OutageAt: time.Second, Outage: 500 * time.Millisecond},
		},
		Runs: []report.Run{run("weir", 0.5), run("by hand", 0.5), run("by hand", 1.5), run("weir", 1.5)},
	}
}

// drawn returns the picture, which must be XML and have no number that is none.
func drawn(t *testing.T, draw func(io.Writer, report.Results) error, r report.Results) string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, draw(&out, r))
	words := xml.NewDecoder(bytes.NewReader(out.Bytes()))
	for {
		_, err := words.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
	}
	require.NotContains(t, out.String(), "NaN")
	require.NotContains(t, out.String(), "Inf")
	return out.String()
}

func TestAPanelForEachLoadAndACaption(t *testing.T) {
	each(t, func(t *testing.T, draw func(io.Writer, report.Results) error) {
		svg := drawn(t, draw, results())
		require.Contains(t, svg, ">0.5 x capacity (500/s)<")
		require.Contains(t, svg, ">1.5 x capacity (1500/s)<")
		require.Contains(t, svg, "; Abacus, 2 cores, linux/amd64, go1.27.4, 2026-11-23<")
		require.Equal(t, 2, strings.Count(svg, ">by hand<"))
		require.Less(t, len(svg), 100_000)
	})
}

// An implementation keeps its colour in every panel, whatever the order of runs
// and also where one is missing.
func TestColoursStay(t *testing.T) {
	each(t, func(t *testing.T, draw func(io.Writer, report.Results) error) {
		r := results()
		svg := drawn(t, draw, r)
		r.Runs[2], r.Runs[3] = r.Runs[3], r.Runs[2]
		require.Equal(t, svg, drawn(t, draw, r))
		const first, second = "#0072B2", "#D55E00"
		require.Contains(t, svg, first)
		r.Runs = []report.Run{r.Runs[0], r.Runs[1], r.Runs[3]} // by hand alone at 1.5
		_, panel, _ := strings.Cut(drawn(t, draw, r), ">1.5 x capacity (1500/s)<")
		require.Contains(t, panel, second)
		require.NotContains(t, panel, first)
	})
}

func TestARunWithoutSuccessesIsAnEmptyPanel(t *testing.T) {
	each(t, func(t *testing.T, draw func(io.Writer, report.Results) error) {
		r := results()
		for i := range r.Runs {
			r.Runs[i].Curve, r.Runs[i].Series = nil, nil
		}
		svg := drawn(t, draw, r)
		require.Contains(t, svg, ">0.5 x capacity (500/s)<")
		require.NotContains(t, svg, ">weir<")
	})
}

func TestNoRunsAreAnError(t *testing.T) {
	each(t, func(t *testing.T, draw func(io.Writer, report.Results) error) {
		require.ErrorContains(t, draw(io.Discard, report.Results{}), "nothing to draw")
	})
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestAWriterThatFailsIsAnError(t *testing.T) {
	each(t, func(t *testing.T, draw func(io.Writer, report.Results) error) {
		require.ErrorIs(t, draw(broken{}, results()), io.ErrClosedPipe)
	})
}

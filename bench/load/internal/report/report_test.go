package report_test

import (
	"bytes"
	"encoding/json"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/bench/load/internal/measure"
	"github.com/weir-go/weir/bench/load/internal/report"
	"github.com/weir-go/weir/bench/load/internal/service"
)

// run returns a run of 2 s with 100 arrivals, 90 of which succeeded.
func run(title string, load float64) report.Run {
	recovery := 120.0
	return report.Run{
		Impl: strings.Fields(title)[0], Title: title, Load: load, Rate: 100 * load,
		Figures: measure.Figures{
			Offered: 100, Succeeded: 90, Failed: 4, Refused: 3, Shed: 2, Aborted: 1,
			Seconds: 2, Goodput: 45, Latency: measure.Latency{P50: 1.25, P90: 9, P99: 99, P999: 100.4, Max: 1000},
			Recovery: &recovery, LateP99: 0.3,
		},
		Service: service.Counts{Calls: 123},
		Process: report.Process{PeakRSS: 20 << 20, PeakGoroutines: 77},
	}
}

func results() report.Results {
	return report.Results{
		Machine: report.ThisMachine(),
		Setup:   report.Setup{Duration: 2 * time.Second, Capacity: 100},
		// Rotated, as they are run.
		Runs: []report.Run{run("weir", 0.5), run("by hand", 0.5), run("by hand", 1.5), run("weir", 1.5)},
	}
}

func TestTheTableHasALineForEachRun(t *testing.T) {
	var out bytes.Buffer
	r := results()
	r.Runs[3].Recovery = nil
	require.NoError(t, r.Table(&out))
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Len(t, lines, 2+4)
	require.Equal(t, strings.Fields("0.5x weir 50 45 1.2 9.0 99.0 100 1000 4 3 2 123 20 77 120 0.3"), strings.Fields(lines[2]))
	require.Contains(t, lines[3], "0.5x  by hand")
	require.Contains(t, lines[4], "1.5x     weir", "in the same place at each load")
	require.Contains(t, lines[4], " - ", "no recovery")
}

func TestTheJSONCanBeReadAgain(t *testing.T) {
	var out bytes.Buffer
	want := results()
	require.NoError(t, want.JSON(&out))
	var got report.Results
	require.NoError(t, json.Unmarshal(out.Bytes(), &got))
	require.Equal(t, want, got)
}

func TestWhatMustNotHappenIsReported(t *testing.T) {
	require.Empty(t, run("weir", 1).Faults())
	for name, c := range map[string]struct {
		spoil func(*report.Run)
		want  string
	}{
		"lost":  {func(r *report.Run) { r.Lost, r.Failed = true, 0 }, "weir at 1x: 100 arrivals, but 96 fates"},
		"wrong": {func(r *report.Run) { r.Wrong = 2 }, "weir at 1x: 2 answers went to"},
		"left":  {func(r *report.Run) { r.Process.LeftGoroutines = 3 }, "weir at 1x: 3 goroutines were left"},
	} {
		t.Run(name, func(t *testing.T) {
			r := run("weir", 1)
			c.spoil(&r)
			require.Len(t, r.Faults(), 1)
			require.Contains(t, r.Faults()[0], c.want)
		})
	}
}

func TestTheMachineIsOneLine(t *testing.T) {
	m := report.Machine{CPU: "Abacus", Cores: 1, OS: "linux/amd64", Go: "go1.27.4", Date: "2026-11-23"}
	require.Equal(t, "Abacus, 1 core, linux/amd64, go1.27.4, 2026-11-23", m.String())
	here := report.ThisMachine()
	require.Equal(t, runtime.NumCPU(), here.Cores)
	require.NotEmpty(t, here.CPU)
	_, err := time.Parse(time.DateOnly, here.Date)
	require.NoError(t, err)
}

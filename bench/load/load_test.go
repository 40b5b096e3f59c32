package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/bench/load/internal/job"
	"github.com/weir-go/weir/bench/load/internal/measure"
	"github.com/weir-go/weir/bench/load/internal/report"
)

// screen is a stderr for the program and its children, who write at any time.
type screen struct {
	mu      sync.Mutex
	text    bytes.Buffer
	awaited string // a line; then is called when it comes
	then    func()
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.then != nil && bytes.Contains(p, []byte(s.awaited)) {
		s.then()
	}
	return s.text.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// load runs the program and returns its results, with its status and output.
func load(t *testing.T, ctx context.Context, args string) (r report.Results, status int, stdout, stderr string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "results.json")
	var out bytes.Buffer
	var errs screen
	status = run(ctx, append(strings.Fields(args), "-json", file), &out, &errs)
	if text, err := os.ReadFile(file); err == nil {
		require.NoError(t, json.Unmarshal(text, &r))
	}
	return r, status, out.String(), errs.String()
}

// What is asserted holds on any machine, however busy: how fast it went is not
// among it. So the tests that load may do so side by side.
func TestASmallLoadIsAccountedFor(t *testing.T) {
	t.Parallel()
	plots := filepath.Join(t.TempDir(), "plots")
	r, status, out, errs := load(t, t.Context(), "-rates 0.3,1.5 -duration 450ms -outage 100ms -seed 3 -plots "+plots)
	require.Zero(t, status, errs)
	require.Len(t, r.Runs, 6)
	for _, run := range r.Runs {
		t.Run(fmt.Sprintf("%s at %gx", run.Impl, run.Load), func(t *testing.T) { accounted(t, run) })
		require.Contains(t, out, run.Title)
	}
	// The same arrivals for each, however slowly it took them.
	for _, load := range r.Rates() {
		for _, run := range r.At(load) {
			require.Equal(t, r.At(load)[0].Offered, run.Offered)
		}
	}
	for _, name := range []string{"latency.svg", "goodput.svg"} {
		svg, err := os.ReadFile(filepath.Join(plots, name))
		require.NoError(t, err)
		require.Contains(t, string(svg), "</svg>")
	}
}

func accounted(t *testing.T, run report.Run) {
	require.Positive(t, run.Offered)
	require.Positive(t, run.Succeeded)
	require.Equal(t, run.Offered, run.Done())
	require.False(t, run.Lost)
	require.Zero(t, run.Wrong)
	require.Zero(t, run.Aborted)
	asked := run.Succeeded + run.Failed + run.Refused
	require.LessOrEqual(t, run.Service.Calls, asked*int64(job.Usual().Attempts))
	s := run.Service
	require.LessOrEqual(t, s.Answered+s.Failed+s.Throttled+s.Refused, s.Calls)
	require.Positive(t, s.Answered)
	l := run.Latency
	require.Positive(t, l.P50)
	require.IsNonDecreasing(t, []float64{l.P50, l.P90, l.P99, l.P999, l.Max})
	require.GreaterOrEqual(t, run.Process.PeakGoroutines, 2)
	require.Zero(t, run.Process.LeftGoroutines)
	if runtime.GOOS == "linux" {
		require.GreaterOrEqual(t, run.Process.PeakRSS, run.Process.BaseRSS)
		require.Positive(t, run.Process.BaseRSS)
	}
	require.Empty(t, run.Process.Samples, "only a soak keeps them")
	// Of 100 ms each; a run may end a little early, where nothing more is due.
	require.Len(t, run.Series, 4)
}

func TestASoakLooksAtTheProcess(t *testing.T) {
	t.Parallel()
	r, status, _, errs := load(t, t.Context(), "-soak 3s -rates 0.05 -outage 300ms")
	require.Len(t, r.Runs, 1)
	require.NotEmpty(t, r.Runs[0].Process.Samples)
	require.Equal(t, r.Runs[0].Offered, r.Runs[0].Done())
	// On a machine that is too busy for enough samples it says so, and never more.
	if status != 0 {
		require.Contains(t, errs, "too few to tell growth")
	}
}

// The verdict of a soak is the program's status, and a line.
func TestASoakThatGrowsFails(t *testing.T) {
	c := config{soak: 3 * time.Second}
	run := report.Run{Title: "weir", Load: 1}
	run.Seconds = 3
	for i := range 100 {
		run.Process.Samples = append(run.Process.Samples, measure.Sample{Goroutines: 10 * i})
	}
	errs := c.judge(run)
	require.Len(t, errs, 1)
	require.ErrorContains(t, errs[0], "weir: goroutines grew")

	run.Seconds = 1 // it was interrupted
	require.Empty(t, c.judge(run))
	run.Seconds, c.soak = 3, 0
	require.Empty(t, c.judge(run))
}

// Ctrl-C in the second run: the first is there, and so is what the second has.
// Real time: the runs are processes of their own.
func TestAnInterruptionShowsWhatThereIs(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	watch := &screen{awaited: "rill", then: func() { time.AfterFunc(800*time.Millisecond, cancel) }}
	file := filepath.Join(t.TempDir(), "results.json")
	var out bytes.Buffer
	args := strings.Fields("-rates 0.3 -duration 1800ms -outage 0 -json " + file)
	begin := time.Now()
	require.Equal(t, 130, run(ctx, args, &out, watch))
	require.Less(t, time.Since(begin), 2*patience)
	require.Contains(t, watch.String(), "load: interrupted\n")
	require.Contains(t, out.String(), "weir")
	require.NotContains(t, out.String(), "by hand", "which had not begun")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var r report.Results
	require.NoError(t, json.Unmarshal(text, &r))
	for _, run := range r.Runs {
		require.Equal(t, run.Offered, run.Done())
	}
}

func TestAPlaceThatCannotBeWrittenIsAFailure(t *testing.T) {
	var errs screen
	args := strings.Fields("-rates 0.1 -impl weir -duration 200ms -outage 0 -json " + t.TempDir())
	require.Equal(t, 1, run(t.Context(), args, io.Discard, &errs))
	require.Contains(t, errs.String(), "is a directory")
}

func TestAChildThatIsToldNonsenseSaysSo(t *testing.T) {
	for name, role := range roles {
		for _, word := range []string{"", "{", `{"Slots": -1}`, `{"Impl": "none"}`} {
			var errs bytes.Buffer
			require.Equal(t, 1, role(strings.NewReader(word), io.Discard, &errs), "%s told %q", name, word)
			require.Contains(t, errs.String(), "load "+name+": ")
		}
	}
}

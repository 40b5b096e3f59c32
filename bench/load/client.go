package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"time"

	"github.com/weir-go/weir/bench/load/internal/arrivals"
	"github.com/weir-go/weir/bench/load/internal/job"
	"github.com/weir-go/weir/bench/load/internal/measure"
)

type settings = job.Settings

// client is a client's process: it is told its order, does the run, and answers
// with what it measured. The end of its standard input cuts the run short.
func client(stdin io.Reader, stdout, stderr io.Writer) int {
	ignoreSignals()
	words := json.NewDecoder(stdin)
	var o order
	err := words.Decode(&o)
	if err == nil {
		ctx, cancel := context.WithCancel(context.Background())
		go func() {
			untilEnd(words, stdin)
			cancel()
		}()
		var s said
		if s, err = o.carryOut(ctx); err == nil {
			err = json.NewEncoder(stdout).Encode(s)
		}
		cancel()
	}
	if err != nil {
		fmt.Fprintf(stderr, "load client: %v\n", err)
		return 1
	}
	return 0
}

// carryOut does the run. The end of ctx ends the arrivals; what has arrived is
// still finished.
func (o order) carryOut(ctx context.Context) (s said, err error) {
	im, ok := find(o.Impl)
	if !ok {
		return s, fmt.Errorf("there is no implementation %q", o.Impl)
	}
	http := job.NewClient(o.URL, o.Settings)
	defer http.Close()
	s.Process.BaseRSS = measure.PeakRSS()
	before := runtime.NumGoroutine()
	if err := prepare(ctx, http, o.Settings.InFlight); err != nil {
		return s, err
	}
	recorder := measure.NewRecorder(o.Duration, o.bin())
	gauge := measure.Watch(o.look(), o.Soak)
	j := job.Job{Settings: o.Settings, Call: http.Call, Done: recorder.Done}
	sent, err := o.run(ctx, im.Run, j, recorder.Begin())
	elapsed := min(time.Since(recorder.Begin()), o.Duration)
	s.Process.PeakGoroutines, s.Process.Samples = gauge.Stop()
	if err != nil {
		return s, err
	}
	s.Figures = recorder.Figures(sent.Count, elapsed, o.Outage)
	s.Figures.LateP99 = float64(sent.Late.ValueAtPercentile(99)) / 1000
	s.Process.PeakRSS = measure.PeakRSS()
	http.Close()
	s.Process.LeftGoroutines = left(before)
	return s, nil
}

// patience is how long the beginning and the end of a run may take. No call takes
// longer than its time-out, so this is for what hangs.
const patience = 20 * time.Second

// prepare gets ready what is not to be measured, and has the service's time begin.
func prepare(ctx context.Context, c *job.Client, connections int) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := c.Warm(ctx, connections); err != nil {
		return err
	}
	return c.Begin(ctx)
}

// run has an implementation do the job until all arrivals have their fate.
func (o order) run(ctx context.Context, do job.Runner, j job.Job, begin time.Time) (arrivals.Sent, error) {
	working, cancel := context.WithCancel(context.Background())
	defer cancel()
	in := make(chan job.Arrival)
	ended := make(chan error, 1)
	go func() { ended <- do(working, j, in) }()
	sent := arrivals.New(o.Seed, o.Rate).Send(ctx, in, begin, o.Duration)
	close(in)
	select {
	case err := <-ended:
		return sent, err
	case <-time.After(patience):
		return sent, fmt.Errorf("it has not ended %v after the last arrival", patience)
	}
}

// bin is how fine the successes are counted; a soak is long, and its record must
// not be what grows.
func (o order) bin() time.Duration {
	if o.Soak {
		return time.Second
	}
	return 10 * time.Millisecond
}

// look is how often the process is looked at: in a soak often enough for growth
// to show, and seldom enough not to be what grows.
func (o order) look() time.Duration {
	if o.Soak {
		return max(o.Duration/500, 20*time.Millisecond)
	}
	return 20 * time.Millisecond
}

// left returns how many more goroutines there are than before, after goroutines that
// are about to end have ended. A busy machine may take its time.
func left(before int) int {
	for range 500 {
		if runtime.NumGoroutine() <= before {
			return 0
		}
		time.Sleep(10 * time.Millisecond)
	}
	return runtime.NumGoroutine() - before
}

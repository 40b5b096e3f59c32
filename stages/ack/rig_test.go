package ack

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sourcegraph/conc"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/internal/rig"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/operator"
)

var (
	errFlaky = errors.New("flaky")
	errGone  = errors.New("gone")
)

// log is a log that positions are committed to.
type log struct {
	takes time.Duration // a commit
	mu    sync.Mutex
	of    map[string][]int // as they were committed
	calls int
	err   error
}

func (l *log) commit(ctx context.Context, upTo map[string]int) error {
	if l.takes > 0 {
		select {
		case <-time.After(l.takes):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls++
	if l.err != nil {
		return l.err
	}
	if l.of == nil {
		l.of = map[string][]int{}
	}
	for p, at := range upTo {
		l.of[p] = append(l.of[p], at)
	}
	return nil
}

func (l *log) committed() map[string][]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.of)
}

// fail makes commits fail, or succeed again.
func (l *log) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.err = err
}

// begun begins positions of a partition.
func begun(t *testing.T, c *Commits[string, int], partition string, positions ...int) map[int]func(error) {
	t.Helper()
	done := map[int]func(error){}
	for _, at := range positions {
		var err error
		done[at], err = c.Begin(partition, at)
		require.NoError(t, err)
	}
	return done
}

// openOf returns how many positions are open.
func openOf(c *Commits[string, int], partition string) int {
	for _, p := range c.Snapshot() {
		if p.Key == partition {
			return p.Open
		}
	}
	return 0
}

// works is a flow in which each item stays until it is released.
type works struct {
	rt *rig.Runtime
	wg conc.WaitGroup

	mu     sync.Mutex
	waits  map[int]chan error
	came   []int
	ctx    map[int]context.Context
	failed map[int]error
}

// flowOf runs the source. The test must wait for it.
func flowOf(t *testing.T, src func(ctx context.Context, out *stages.Outlet[int]) error) *works {
	w := &works{rt: rig.New(t.Context(), true, "source", "work", "sink"), waits: map[int]chan error{}, failed: map[int]error{}, ctx: map[int]context.Context{}}
	n := w.rt.Nodes()
	out, in := rig.Link[int](w.rt, n[0], n[1], 64)
	next, last := rig.Link[int](w.rt, n[1], n[2], 64)
	w.wg.Go(func() { rig.RunSource(stages.SourceFunc[int](src), out) })
	w.wg.Go(func() { rig.RunStage(operator.Map(w.work, stages.Workers(64), stages.Unordered()), in, next) })
	w.wg.Go(func() { rig.RunSink(takesAll{w}, last) })
	return w
}

// takesAll is a sink that takes failures, and notes them.
type takesAll struct{ of *works }

func (takesAll) TakesFailures() bool { return true }

func (s takesAll) Run(_ context.Context, in *stages.Inlet[int]) error {
	for it := range in.All() {
		s.of.note(it.Err())
		in.Done(it)
	}
	return nil
}

func (w *works) note(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if e, ok := errors.AsType[*stages.ItemError](err); ok {
		w.failed[e.Value.(int)] = e
	}
}

// failures returns the values that failed with an error that matches target, which takes
// its place.
func (w *works) failures(target error) map[int]error {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := maps.Clone(w.failed)
	for v, err := range all {
		if errors.Is(err, target) {
			all[v] = target
		}
	}
	return all
}

// context returns the context of the call for a value.
func (w *works) context(v int) context.Context {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ctx[v]
}

func (w *works) wait() error {
	w.wg.Wait()
	w.rt.Close()
	return w.rt.Err()
}

func (w *works) gate(v int) chan error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.waits[v] == nil {
		w.waits[v] = make(chan error, 1)
	}
	return w.waits[v]
}

func (w *works) work(ctx context.Context, v int) (int, error) {
	w.mu.Lock()
	w.came = append(w.came, v)
	w.ctx[v] = ctx
	w.mu.Unlock()
	select {
	case err := <-w.gate(v):
		return v, err
	case <-ctx.Done():
		return v, ctx.Err()
	}
}

// release lets items leave the flow, with an error if there is one.
func (w *works) release(err error, values ...int) {
	for _, v := range values {
		w.gate(v) <- err
	}
}

// inside returns what has come, in order.
func (w *works) inside() []int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Sorted(slices.Values(w.came))
}

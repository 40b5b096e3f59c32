package deadletter

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/sourcegraph/conc"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/internal/rig"
	"github.com/weir-go/weir/stages"
)

var (
	errFlaky = errors.New("flaky")
	errGone  = errors.New("gone")
	errOdd   = errors.New("odd")
)

func same(_ context.Context, v int) (int, error)   { return v, nil }
func fails(context.Context, int) (int, error)      { return 0, errFlaky }
func thirds(_ context.Context, v int) (int, error) { return v, []error{nil, errOdd, errFlaky}[v%3] }

// takes returns a function that takes d.
func takes(d time.Duration) func(context.Context, int) (int, error) {
	return func(_ context.Context, v int) (int, error) {
		time.Sleep(d)
		return v, nil
	}
}

// seen is what reached the end of a run.
type seen[T any] struct {
	out    []T
	failed []error
	err    error
}

// takesAll is a sink that takes failures.
type takesAll[T any] struct{ seen *seen[T] }

func (takesAll[T]) TakesFailures() bool { return true }

func (s takesAll[T]) Run(_ context.Context, in *stages.Inlet[T]) error {
	for it := range in.All() {
		if err := it.Err(); err != nil {
			s.seen.failed = append(s.seen.failed, err)
		} else {
			s.seen.out = append(s.seen.out, it.Value)
		}
		in.Done(it)
	}
	return nil
}

// line is a run whose stages are joined one by one: from, via, end.
type line struct {
	rt   *rig.Runtime
	wg   conc.WaitGroup
	used int // nodes
}

func newRig(t *testing.T) *line {
	r := &line{rt: rig.New(t.Context(), false, "source", "map", "stage", "third", "fourth", "fifth")}
	t.Cleanup(r.rt.Close)
	return r
}

// link joins the last node to the next one.
func link[T any](r *line) (rig.Outlet[T], rig.Inlet[T]) {
	r.used++
	n := r.rt.Nodes()
	return rig.Link[T](r.rt, n[r.used-1], n[r.used], 16)
}

func from[T any](r *line, src stages.Source[T]) rig.Inlet[T] {
	out, in := link[T](r)
	r.wg.Go(func() { rig.RunSource(src, out) })
	return in
}

func via[I, O any](r *line, in rig.Inlet[I], s stages.Stage[I, O]) rig.Inlet[O] {
	out, next := link[O](r)
	r.wg.Go(func() { rig.RunStage(s, in, out) })
	return next
}

// end takes everything, and checks that no item was lost.
func end[T any](t *testing.T, r *line, in rig.Inlet[T]) *seen[T] {
	t.Helper()
	var s seen[T]
	rig.RunSink(takesAll[T]{&s}, in)
	r.wg.Wait()
	s.err = r.rt.Err()
	for _, node := range r.rt.Nodes() {
		require.NoError(t, rig.Check(node), node.Name)
	}
	return &s
}

// run runs two stages.
func run[I, M, O any](t *testing.T, src stages.Source[I], first stages.Stage[I, M], second stages.Stage[M, O]) *seen[O] {
	t.Helper()
	r := newRig(t)
	return end(t, r, via(r, via(r, from(r, src), first), second))
}

// through runs one stage.
func through[I, O any](t *testing.T, src stages.Source[I], s stages.Stage[I, O], control ...func(*rig.Runtime)) *seen[O] {
	t.Helper()
	r := newRig(t)
	for _, c := range control {
		r.wg.Go(func() { c(r.rt) })
	}
	return end(t, r, via(r, from(r, src), s))
}

// after makes a control that does something after d.
func after(d time.Duration, do func(*rig.Runtime)) func(*rig.Runtime) {
	return func(rt *rig.Runtime) {
		time.Sleep(d)
		do(rt)
	}
}

func abort(rt *rig.Runtime) { rt.Abort(errGone) }
func stop(rt *rig.Runtime)  { rt.Stop() }

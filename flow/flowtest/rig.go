package flowtest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
)

const (
	soon = time.Second      // for events that must happen at once
	long = 10 * time.Minute // for events that may take their time
)

var (
	errBroken = errors.New("flowtest: a fault on purpose")
	errAbort  = errors.New("flowtest: aborted on purpose")
)

// tester is the part of a testing.TB that checks need. So the checks can be tested themselves.
type tester interface {
	Helper()
	Errorf(format string, args ...any)
	FailNow()
	Cleanup(func())
}

func fatalf(t tester, format string, args ...any) {
	t.Helper()
	t.Errorf(format, args...)
	t.FailNow()
}

// check is one promise of the contract of a C.
type check[C any] struct {
	name string
	try  func(t tester, c C)
}

// conduct runs all checks, each as a test of its own. The test runs in a bubble unless outside is
// true.
func conduct[C any](t *testing.T, checks []check[C], c C, outside bool) {
	for _, k := range checks {
		t.Run(k.name, func(t *testing.T) {
			if outside {
				NoLeaks(t)
				k.try(t, c)
				return
			}
			synctest.Test(t, func(t *testing.T) {
				t.Cleanup(func() {
					nobodyLeft(t)
					if t.Failed() {
						time.Sleep(long) // for slow goroutines: a bubble does not end before them
					}
				})
				k.try(t, c)
			})
		})
	}
}

// rig is a running graph under a check.
type rig struct {
	t      tester
	run    *flow.Run
	done   chan struct{}
	report *flow.Report // after done
	err    error        // after done
}

// launch starts the graph.
func launch(t tester, g *flow.Graph, opts ...flow.RunOption) *rig {
	t.Helper()
	run, err := g.Start(context.Background(), opts...)
	if err != nil {
		fatalf(t, "it cannot be run: %v", err)
	}
	r := &rig{t: t, run: run, done: make(chan struct{})}
	go func() {
		defer close(r.done)
		r.report, r.err = run.Wait()
	}()
	t.Cleanup(func() { run.Abort(errAbort) }) // for a failed check: stages that heed their context must not stay behind
	return r
}

// ends waits for the end of the run, and checks its accounts.
func (r *rig) ends(within time.Duration, after string) {
	r.t.Helper()
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case <-r.done:
	case <-timer.C:
		fatalf(r.t, "%v after %s it is still at work: %v", within, after, r.run.Snapshot())
	}
	if err := r.report.Check(); err != nil {
		r.t.Errorf("after %s items are not accounted for: %v\n%v", after, err, r.report)
	}
}

// ended is ends for a run without a fault.
func (r *rig) ended(within time.Duration, after string) {
	r.t.Helper()
	r.ends(within, after)
	if r.err != nil {
		r.t.Errorf("after %s the run failed: %v", after, r.err)
	}
}

// aborts aborts the run, which must end soon.
func (r *rig) aborts() {
	r.t.Helper()
	select {
	case <-r.done: // the stage wanted no more items, as operator.Take
		r.ended(soon, "its own end")
		return
	default:
	}
	r.run.Abort(errAbort)
	r.ends(soon, "the abort")
	if !errors.Is(r.err, errAbort) {
		r.t.Errorf("the run was aborted with %q and ended with %v", errAbort, r.err)
	}
}

// staffed sets the workers of the tested stage while it works, and stops the intake.
func (r *rig) staffed(can bool) {
	r.t.Helper()
	for _, workers := range []int{4, 1, 2} {
		time.Sleep(100 * time.Millisecond)
		if err := r.run.SetWorkers(subject, workers); can != (err == nil) && !r.over() {
			r.t.Errorf("it is a stages.Staffed: %v; and SetWorkers says: %v", can, err)
		}
	}
	time.Sleep(100 * time.Millisecond)
	r.run.Stop()
	r.ended(long, "its workers were set and the intake has stopped")
}

// over reports that the run has ended.
func (r *rig) over() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

// node returns the present account of the tested stage.
func (r *rig) node() flow.StageReport {
	s, _ := r.run.Snapshot().Stage(subject)
	return s
}

// subject is the name of the node under test.
const subject = "subject"

// catcher is a sink that takes all items, including failures. With a gate it waits until the gate
// is open.
type catcher[T any] struct {
	gate chan struct{}

	mu     sync.Mutex
	values []T
	failed []*stages.ItemError
}

func (c *catcher[T]) TakesFailures() bool { return true }

func (c *catcher[T]) Run(ctx context.Context, in *stages.Inlet[T]) error {
	if c.gate != nil {
		select {
		case <-c.gate:
		case <-ctx.Done():
		}
	}
	for it := range in.All() {
		c.mu.Lock()
		if fault, ok := errors.AsType[*stages.ItemError](it.Err()); ok {
			c.failed = append(c.failed, fault)
		} else {
			c.values = append(c.values, it.Value)
		}
		c.mu.Unlock()
		in.Done(it)
	}
	return nil
}

// flood is a source that repeats values up to n times, as fast as the flow takes them.
func flood[T any](values []T, n int) stages.Source[T] {
	return stages.SourceFunc[T](func(ctx context.Context, out *stages.Outlet[T]) error {
		for i := 0; i < n && ctx.Err() == nil; i++ {
			if !out.Emit(values[i%len(values)]) {
				return nil
			}
		}
		return nil
	})
}

// wantsNone is a stage that wants no items from the beginning.
func wantsNone[T any]() stages.Stage[T, T] {
	return stages.StageFunc[T, T](func(context.Context, *stages.Inlet[T], *stages.Outlet[T]) error { return nil })
}

// same compares the items that came with the expected ones.
func same[T any](t tester, what string, got, want []T, anyOrder bool) {
	t.Helper()
	equal := len(got) == len(want)
	rest := slices.Clone(want)
	for i := 0; equal && i < len(got); i++ {
		at := 0
		if anyOrder {
			at = slices.IndexFunc(rest, func(v T) bool { return reflect.DeepEqual(v, got[i]) })
		}
		if equal = at >= 0 && reflect.DeepEqual(rest[at], got[i]); equal {
			rest = slices.Delete(rest, at, at+1)
		}
	}
	if !equal {
		t.Errorf("%s: got %v, want %v", what, brief(got), brief(want))
	}
}

// brief shortens a list for a reader.
func brief[T any](list []T) string {
	const most = 20
	if len(list) <= most {
		return fmt.Sprint(list)
	}
	return fmt.Sprintf("%v and %d more", list[:most], len(list)-most)
}

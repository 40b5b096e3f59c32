package operator_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/operator"
	"github.com/weir-go/weir/stages/source"
)

// stuckAt is each function of an operator with several ends, of Lanes and of a Window, which
// calls wait.
func stuckAt(wait func(int) int) map[string]func(*flow.Stream[int]) *flow.Stream[int] {
	pair := func(v, _ int) int { return wait(v) }
	again := func() *flow.Stream[int] { return flow.From(source.Slice(upTo(100))) }
	flat := func(s *flow.Stream[operator.WindowOf[int]]) *flow.Stream[int] {
		return s.Map("length", func(_ context.Context, w operator.WindowOf[int]) (int, error) { return len(w.Items), nil })
	}
	late := func(_ context.Context, v int) error { wait(v); return nil }
	return map[string]func(*flow.Stream[int]) *flow.Stream[int]{
		"Partition": func(s *flow.Stream[int]) *flow.Stream[int] {
			b := s.Partition(2, func(v int) int { return wait(v) % 2 })
			return b[0].Merge(b[1])
		},
		"Zip": func(s *flow.Stream[int]) *flow.Stream[int] { return s.Zip(again(), pair) },
		"Zip, in a diamond": func(s *flow.Stream[int]) *flow.Stream[int] {
			b := s.Broadcast(2)
			return b[0].Zip(b[1], pair)
		},
		"Join, by join":  func(s *flow.Stream[int]) *flow.Stream[int] { return s.Join(again(), time.Minute, itself, itself, pair) },
		"Join, by a key": func(s *flow.Stream[int]) *flow.Stream[int] { return s.Join(again(), time.Minute, wait, itself, first) },
		"Window, by a key": func(s *flow.Stream[int]) *flow.Stream[int] {
			return flat(s.Window(operator.Sliding(time.Minute, time.Second), stages.PerKey(wait)))
		},
		"Window, by its time": func(s *flow.Stream[int]) *flow.Stream[int] {
			return flat(s.Window(operator.Session(time.Minute), stages.EventTime(func(v int) time.Time { return seconds(wait(v)) }, 0)))
		},
		"Window, by what is late": func(s *flow.Stream[int]) *flow.Stream[int] {
			return flat(s.Window(operator.Tumbling(time.Second), stages.Late(late), stages.EventTime(func(v int) time.Time { return seconds(-v) }, 0)))
		},
		"Lanes, by a key": func(s *flow.Stream[int]) *flow.Stream[int] { return s.Lanes("lanes", wait, same, stages.Workers(3)) },
		"Lanes, by a call": func(s *flow.Stream[int]) *flow.Stream[int] {
			return s.Lanes("lanes", itself, func(_ context.Context, v int) (int, error) { return wait(v), nil }, stages.Workers(3))
		},
	}
}

// A run that can be abandoned does the same as another one.
func TestFansInARunThatCanBeAbandoned(t *testing.T) {
	for name, op := range stuckAt(itself) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := &acked{n: 100}
				rep, err := op(flow.From(a)).To(everything[int]{func(*stages.Inlet[int], stages.Item[int]) {}}).
					Run(t.Context(), flow.AbandonAfter(time.Second))
				require.NoError(t, err)
				require.NoError(t, rep.Check())
				for i, err := range a.once(t) {
					require.NoError(t, err, i)
				}
			})
		})
	}
}

// A function that does not heed the abort is left behind. If it comes back after the run has
// ended, it does no harm, and the source hears of each item once.
func TestAFanThatIsLeftBehindComesBack(t *testing.T) {
	for _, at := range []int{0, 40} {
		back := make(chan struct{})
		wait := func(v int) int {
			if v == at || v == at+1 {
				<-back
			}
			return v
		}
		for name, op := range stuckAt(wait) {
			if at == 0 && name == "Window, by what is late" { // the first item is never late
				continue
			}
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					back = make(chan struct{})
					a := &acked{n: 100}
					r, err := op(flow.From(a)).To(everything[int]{func(*stages.Inlet[int], stages.Item[int]) {}}).
						Start(t.Context(), flow.AbandonAfter(time.Second))
					require.NoError(t, err)
					time.Sleep(time.Second)
					r.Abort(errGone)
					rep, err := r.Wait()
					require.ErrorIs(t, err, errGone)
					require.NoError(t, rep.Check())
					close(back)
					synctest.Wait() // what was left behind has returned
					for i, errs := range a.errs {
						require.Len(t, errs, 1, "item %d", i)
					}
				})
			})
		}
	}
}

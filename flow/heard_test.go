package flow_test

import (
	"context"
	"errors"
	"io"
	"iter"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/primitives/dedup"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/limiter"
	"github.com/weir-go/weir/primitives/retry"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/operator"
	"github.com/weir-go/weir/stages/sink"
	"github.com/weir-go/weir/stages/source"
)

// mailbag hands out n numbers from first on, a millisecond apart, and keeps what
// it hears of each.
type mailbag struct {
	first, n int
	stay     time.Duration // after the last

	mu    sync.Mutex // Ack is called from any goroutine
	heard [][]error
}

func (m *mailbag) read(ctx context.Context) ([]source.Delivery[int], error) {
	m.mu.Lock()
	i := len(m.heard)
	m.mu.Unlock()
	pause := time.Millisecond
	if i == m.n {
		pause = m.stay
	}
	select {
	case <-ctx.Done():
		return nil, nil
	case <-time.After(pause):
	}
	if i == m.n {
		return nil, io.EOF
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.heard = append(m.heard, nil)
	return []source.Delivery[int]{{Value: m.first + i, Ack: func(err error) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.heard[i] = append(m.heard[i], err)
	}}}, nil
}

// failing is a call that takes d, and then fails the values that are named.
func failing(d time.Duration, those ...int) func(context.Context, int) (int, error) {
	return func(_ context.Context, v int) (int, error) {
		time.Sleep(d)
		if slices.Contains(those, v) {
			return 0, errFlaky
		}
		return v, nil
	}
}

// holding is a call that fails the batches with one of the values.
func holding(those ...int) func(context.Context, []int) (int, error) {
	return func(_ context.Context, vs []int) (int, error) {
		for _, v := range vs {
			if slices.Contains(those, v) {
				return 0, errFlaky
			}
		}
		return len(vs), nil
	}
}

func windowsWith(v int) func(context.Context, operator.WindowOf[int]) (int, error) {
	return func(ctx context.Context, w operator.WindowOf[int]) (int, error) { return holding(v)(ctx, w.Items) }
}

// word has the errors that sources hear, by item. One source has the items 0 to 7. A second one, if
// there is one, has the items 100 to 103.
type word struct {
	of   func(s, other *flow.Stream[int]) *flow.Stream[int]
	says map[int]error
}

// each is the same word for several.
func each(err error, those ...int) map[int]error {
	said := map[int]error{}
	for _, v := range those {
		said[v] = err
	}
	return said
}

var three = failing(0, 3)

// words has what becomes of each item in each operator.
var words = map[string]word{
	"Map": {of: alone(func(s *flow.Stream[int]) *flow.Stream[int] { return s.Map("op", three) }), says: each(errFlaky, 3)},
	"unordered": {of: alone(func(s *flow.Stream[int]) *flow.Stream[int] {
		return s.Map("op", failing(3*time.Millisecond, 3), stages.Workers(4), stages.Unordered())
	}), says: each(errFlaky, 3)},
	"Lanes": {of: alone(func(s *flow.Stream[int]) *flow.Stream[int] {
		return s.Lanes("op", func(v int) int { return v % 3 }, failing(5*time.Millisecond, 3))
	}), says: each(errFlaky, 3)},
	"Filter, which drops 2 and fails 3": {of: alone(func(s *flow.Stream[int]) *flow.Stream[int] {
		return s.Filter("op", func(ctx context.Context, v int) (bool, error) { _, err := three(ctx, v); return v != 2, err })
	}), says: each(errFlaky, 3)},
	"FlatMap, to none, one and two, of which the second fails": {of: alone(func(s *flow.Stream[int]) *flow.Stream[int] {
		return s.FlatMap("op", func(ctx context.Context, v int) (iter.Seq[int], error) {
			_, err := three(ctx, v)
			return slices.Values([]int{v, v + 10}[:v%3]), err
		}).Map("below", failing(0, 15))
	}), says: each(errFlaky, 3, 5)},
	"Batch": {of: alone(func(s *flow.Stream[int]) *flow.Stream[int] { return s.Batch(3, 0).Map("op", holding(3)) }), says: each(errFlaky, 3, 4, 5)},
	"MapBatch, of which some fail": {of: alone(func(s *flow.Stream[int]) *flow.Stream[int] {
		return s.Via("op", operator.MapBatch(4, 0, func(_ context.Context, vs []int) ([]int, error) {
			if i := slices.Index(vs, 3); i >= 0 {
				return vs, &stages.BatchError{Errs: map[int]error{i: errFlaky, i - 1: stages.ErrDrop}}
			}
			return vs, nil
		}))
	}), says: each(errFlaky, 3)},
	"Scan": {of: alone(func(s *flow.Stream[int]) *flow.Stream[int] {
		return s.Scan("op", 0, func(ctx context.Context, _, v int) (int, error) { return three(ctx, v) })
	}), says: each(errFlaky, 3)},
	"Reduce": {of: alone(func(s *flow.Stream[int]) *flow.Stream[int] {
		return s.Reduce("op", 0, func(ctx context.Context, _, v int) (int, error) { return three(ctx, v) })
	}), says: each(errFlaky, 3)},
	"Take": {of: alone(func(s *flow.Stream[int]) *flow.Stream[int] {
		return s.Map("slow", failing(2*time.Millisecond, 3)).Take(2)
	}), says: each(errFlaky, 3)},
	"Skip": {of: alone(func(s *flow.Stream[int]) *flow.Stream[int] { return s.Skip(2).Map("op", failing(0, 1, 3)) }), says: each(errFlaky, 3)},
	"tumbling Window": {of: alone(func(s *flow.Stream[int]) *flow.Stream[int] {
		return s.Window(operator.Tumbling(4*time.Millisecond)).Map("op", windowsWith(3))
	}), says: each(errFlaky, 3, 4, 5, 6)},
	"sliding Window, each item in two": {of: alone(func(s *flow.Stream[int]) *flow.Stream[int] {
		return s.Window(operator.Sliding(4*time.Millisecond, 2*time.Millisecond)).Map("op", windowsWith(3))
	}), says: each(errFlaky, 1, 2, 3, 4, 5, 6)},
	"session Window": {of: alone(func(s *flow.Stream[int]) *flow.Stream[int] {
		return s.Window(operator.Session(5*time.Millisecond)).Map("op", windowsWith(3))
	}), says: each(errFlaky, upTo(8)...)},
	"Debounce, which drops all but the last": {of: alone(func(s *flow.Stream[int]) *flow.Stream[int] {
		return s.Debounce(2*time.Millisecond).Map("op", failing(0, upTo(8)...))
	}), says: each(errFlaky, 7)},
	"DistinctUntilChanged, which drops 3": {of: alone(func(s *flow.Stream[int]) *flow.Stream[int] {
		return s.DistinctUntilChanged(func(v int) int { return v / 2 }).Map("op", failing(0, 2, 3))
	}), says: each(errFlaky, 2)},
	"Delay": {of: alone(func(s *flow.Stream[int]) *flow.Stream[int] { return s.Delay(5*time.Millisecond).Map("op", three) }), says: each(errFlaky, 3)},
	"Throttle": {of: alone(func(s *flow.Stream[int]) *flow.Stream[int] {
		return s.Throttle(limiter.PerSecond(400), nil).Map("op", three)
	}), says: each(errFlaky, 3)},
	"Overflow, which drops the newest": {of: alone(func(s *flow.Stream[int]) *flow.Stream[int] {
		return s.Map("slow", failing(time.Second, 1), stages.Buffer(2, stages.DropNewest))
	}), says: both(each(errFlaky, 1), each(stages.ErrOverflow, 4, 5, 6, 7))},
	"Overflow, which drops the oldest": {of: alone(func(s *flow.Stream[int]) *flow.Stream[int] {
		return s.Map("slow", failing(time.Second, 1), stages.Buffer(2, stages.DropOldest))
	}), says: both(each(errFlaky, 1), each(stages.ErrOverflow, 2, 3, 4, 5))},
	"Remember": {of: alone(func(s *flow.Stream[int]) *flow.Stream[int] {
		return s.Via("op", operator.Remember[int]()).Map("below", three)
	}), says: each(errFlaky, 3)},
	"Deadline": {of: alone(func(s *flow.Stream[int]) *flow.Stream[int] {
		return s.Via("op", operator.Deadline[int](3*time.Millisecond)).Map("below", failing(2*time.Millisecond, 1))
	}), says: both(each(errFlaky, 1), each(stages.ErrExpired, 3, 5, 7))},
	"OnError, which drops, replaces and leaves": {of: alone(func(s *flow.Stream[int]) *flow.Stream[int] {
		return s.Map("op", failing(0, 1, 2, 3)).OnError(func(_ context.Context, e *stages.ItemError) (int, error) {
			return 0, []error{nil, stages.ErrDrop, e.Err}[e.Value.(int)-1]
		})
	}), says: each(errFlaky, 3)},
	"DeadLetter, which cannot keep 3": {of: alone(func(s *flow.Stream[int]) *flow.Stream[int] {
		return s.Map("op", failing(0, 1, 3)).DeadLetter(func(ctx context.Context, e *stages.ItemError) error {
			_, err := three(ctx, e.Value.(int))
			return err
		})
	}), says: each(errFlaky, 3)},
	"Dedup, which shares a call of two": {of: alone(func(s *flow.Stream[int]) *flow.Stream[int] {
		return s.Guard(guard.Limit(8)).Dedup(dedup.Window(0), func(v int) int { return v / 2 }).
			Map("op", failing(5*time.Millisecond, 2), stages.Workers(8))
	}), says: each(errFlaky, 2, 3)},
	"Retry": {of: alone(func(s *flow.Stream[int]) *flow.Stream[int] {
		return s.Guard(guard.Limit(8)).Retry(retry.Constant(2, 2*time.Millisecond)).Map("op", three)
	}), says: each(errFlaky, 3)},
	"RateLimit": {of: alone(func(s *flow.Stream[int]) *flow.Stream[int] {
		return s.Guard(guard.Limit(8)).RateLimit(limiter.PerSecond(400), nil).Map("op", three)
	}), says: each(errFlaky, 3)},
	"Broadcast, of which one branch fails": {of: alone(func(s *flow.Stream[int]) *flow.Stream[int] {
		b := s.Broadcast(3)
		return b[0].Merge(b[1].Map("op", three), b[2].Delay(4*time.Millisecond))
	}), says: each(errFlaky, 3)},
	"Balance": {of: alone(func(s *flow.Stream[int]) *flow.Stream[int] {
		b := s.Balance(2)
		return b[0].Map("left", three).Merge(b[1].Map("right", three))
	}), says: each(errFlaky, 3)},
	"Partition": {of: alone(func(s *flow.Stream[int]) *flow.Stream[int] {
		b := s.Partition(2, func(v int) int { return v % 2 })
		return b[0].Map("left", failing(0, 4)).Merge(b[1].Map("right", three))
	}), says: each(errFlaky, 3, 4)},
	"Tee, whose sink is slow": {of: alone(func(s *flow.Stream[int]) *flow.Stream[int] {
		return s.Tee(sink.ForEach(func(ctx context.Context, v int) error { _, err := nap(ctx, v); return err })).Map("op", three)
	}), says: each(errFlaky, 3)},
	"Merge": {of: func(s, other *flow.Stream[int]) *flow.Stream[int] {
		return s.Merge(other).Map("op", failing(0, 3, 101))
	}, says: each(errFlaky, 3, 101)},
	"Concat": {of: func(s, other *flow.Stream[int]) *flow.Stream[int] {
		return s.Concat(other).Map("op", failing(0, 3, 101))
	}, says: each(errFlaky, 3, 101)},
	"Zip, half of which has no partner": {of: func(s, other *flow.Stream[int]) *flow.Stream[int] {
		return s.Zip(other, first).Map("op", failing(0, 3, 5))
	}, says: each(errFlaky, 3, 103)},
	"Join, of none, one and two": {of: func(s, other *flow.Stream[int]) *flow.Stream[int] {
		return s.Join(other, time.Second, func(v int) int { return v % 4 }, func(v int) int { return v%100 + 1 }, first).Map("op", failing(0, 0, 7))
	}, says: each(errFlaky, 7, 102)},
}

// alone is of one stream; the other goes its own way.
func alone(of func(s *flow.Stream[int]) *flow.Stream[int]) func(s, other *flow.Stream[int]) *flow.Stream[int] {
	return func(s, other *flow.Stream[int]) *flow.Stream[int] {
		other.To(takesAll{}, stages.Name("rest"))
		return of(s)
	}
}

func both(a, b map[int]error) map[int]error {
	for k, err := range b {
		a[k] = err
	}
	return a
}

// inBothModes runs f in a bubble with timings, and in one without.
func inBothModes(t *testing.T, name string, f func(*testing.T, ...flow.RunOption)) {
	t.Run(name, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { f(t) }) })
	t.Run(name+", untimed", func(t *testing.T) { synctest.Test(t, func(t *testing.T) { f(t, flow.Untimed()) }) })
}

// hear runs the operator, ends the run by end after 4.5 ms, and returns both
// sources, which have heard once of each item.
func hear(t *testing.T, w word, end func(*flow.Run), opts ...flow.RunOption) []*mailbag {
	t.Helper()
	bags := []*mailbag{{first: 0, n: 8}, {first: 100, n: 4}}
	g := flow.New()
	s := w.of(g.From(source.Acked(bags[0].read)), g.From(source.Acked(bags[1].read)))
	r, err := s.To(takesAll{}).Start(t.Context(), opts...)
	require.NoError(t, err)
	at := time.AfterFunc(4500*time.Microsecond, func() { end(r) })
	defer at.Stop()
	rep, _ := r.Wait()
	require.NoError(t, rep.Check())
	for _, b := range bags {
		for i, errs := range b.heard {
			require.Len(t, errs, 1, "of %d", b.first+i)
		}
	}
	return bags
}

// A source hears nil of what was delivered or dropped, and else the failure of
// what came of the item.
func TestASourceHearsWhatBecameOfEachItem(t *testing.T) {
	for name, w := range words {
		inBothModes(t, name, func(t *testing.T, opts ...flow.RunOption) {
			for _, b := range hear(t, w, func(*flow.Run) {}, opts...) {
				for i, errs := range b.heard {
					require.ErrorIs(t, errs[0], w.says[b.first+i], "of %d", b.first+i)
				}
			}
		})
	}
}

// In the middle of a stream, too: a stop drains what has come, of which nothing
// fails for that, and an abort fails what is not done.
func TestASourceHearsOfEachItemAlsoInTheMiddle(t *testing.T) {
	for name, w := range words {
		for how, end := range map[string]func(*flow.Run){"stop": (*flow.Run).Stop, "abort": func(r *flow.Run) { r.Abort(errBroken) }} {
			inBothModes(t, name+", "+how, func(t *testing.T, opts ...flow.RunOption) {
				bags := hear(t, w, end, opts...)
				require.LessOrEqual(t, len(bags[0].heard), 5, "it was in the middle")
				for _, b := range bags {
					for i, errs := range b.heard {
						if err := errs[0]; err != nil && !(how == "abort" && errors.Is(err, stages.ErrAborted)) {
							require.True(t, among(w.says, err), "of %d: %v", b.first+i, err)
						}
					}
				}
			})
		}
	}
}

func among(said map[int]error, err error) bool {
	for _, want := range said {
		if errors.Is(err, want) {
			return true
		}
	}
	return false
}

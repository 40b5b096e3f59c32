package operator_test

import (
	"context"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/operator"
	"github.com/weir-go/weir/stages/source"
)

// unhashable returns keys of which that of 2 cannot be hashed.
func unhashable(v int) any {
	if v == 2 {
		return []int{v}
	}
	return v
}

// nan returns keys of which that of 2 is not equal to itself.
func nan(v int) float64 {
	if v == 2 {
		return math.NaN()
	}
	return float64(v)
}

// buried is both in one key.
func buried(v int) [2]any {
	if v == 2 {
		return [2]any{math.NaN(), struct{ any }{[]int{v}}}
	}
	return [2]any{0, v}
}

// keyedBy joins each operator that has keys onto a stream.
func keyedBy[K comparable](key func(int) K) map[string]func(*flow.Stream[int]) *flow.Stream[int] {
	ones := func(s *flow.Stream[operator.WindowOf[int]]) *flow.Stream[int] {
		return s.Map("first", func(_ context.Context, w operator.WindowOf[int]) (int, error) { return w.Items[0], nil })
	}
	none := func() *flow.Stream[int] { return flow.From(source.Slice([]int{})) }
	return map[string]func(*flow.Stream[int]) *flow.Stream[int]{
		"Lanes": func(s *flow.Stream[int]) *flow.Stream[int] { return s.Lanes("op", key, same, stages.Workers(2)) },
		"Join": func(s *flow.Stream[int]) *flow.Stream[int] {
			return s.Join(flow.From(source.Slice(upTo(5))), time.Minute, key, func(v int) K { return key(min(v, 1)) }, first)
		},
		"Join, of the other": func(s *flow.Stream[int]) *flow.Stream[int] { return none().Join(s, time.Minute, key, key, first) },
		"tumbling": func(s *flow.Stream[int]) *flow.Stream[int] {
			return ones(s.Window(operator.Tumbling(time.Hour), stages.PerKey(key)))
		},
		"session": func(s *flow.Stream[int]) *flow.Stream[int] {
			return ones(s.Window(operator.Session(time.Millisecond), stages.PerKey(key)))
		},
		"event time": func(s *flow.Stream[int]) *flow.Stream[int] {
			return ones(s.Window(operator.Sliding(time.Hour, time.Hour), stages.PerKey(key), stages.EventTime(seconds, 0)))
		},
		"ByKey": func(s *flow.Stream[int]) *flow.Stream[int] {
			b := s.Partition(2, operator.ByKey(2, key))
			return b[0].Merge(b[1])
		},
	}
}

// The fault: a key that cannot be hashed, or is not equal to itself, hung Lanes, broke the run
// in a Join and a Window, and was never forgotten.
func TestABadKeyFailsItsItemAndNoOther(t *testing.T) {
	for kind, ops := range map[string]map[string]func(*flow.Stream[int]) *flow.Stream[int]{
		"unhashable": keyedBy(unhashable), "not equal to itself": keyedBy(nan), "in an array": keyedBy(buried),
	} {
		for name, op := range ops {
			t.Run(name+", "+kind, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					a := &acked{n: 5}
					var failed []*stages.ItemError
					var rep flow.Report
					_, err := op(flow.From(a)).OnError(func(_ context.Context, e *stages.ItemError) (int, error) {
						failed = append(failed, e)
						return 0, e.Err
					}).OnError(func(context.Context, *stages.ItemError) (int, error) { return 0, stages.ErrDrop }).
						Collect(t.Context(), flow.ReportTo(&rep))
					require.NoError(t, err)
					require.NoError(t, rep.Check())
					require.Len(t, failed, 1)
					require.Equal(t, 2, failed[0].Value)
					require.ErrorContains(t, failed[0], "key ")
					for i, err := range a.once(t) {
						require.NoError(t, err, i)
					}
				})
			})
		}
	}
}

// The fault: keys that are not equal to themselves stayed in the memory of Lanes.
func TestNothingButBadKeysEndsARun(t *testing.T) {
	for name, op := range keyedBy(func(int) float64 { return math.NaN() }) {
		if name == "Join" { // the other stream fails as well
			continue
		}
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				failed := 0
				for r := range op(flow.From(source.Slice(upTo(5000)))).Results(t.Context()) {
					require.ErrorContains(t, r.Err, "key is not equal to itself")
					failed++
				}
				require.Equal(t, 5000, failed)
			})
		})
	}
}

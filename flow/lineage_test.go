package flow_test

import (
	"context"
	"iter"
	"slices"
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
	"github.com/weir-go/weir/stages/deadletter"
	"github.com/weir-go/weir/stages/operator"
)

// moody is a function with all possible results: it takes some time, and then fails, panics, drops
// the item, or returns.
func moody(_ context.Context, v int) (int, error) {
	time.Sleep(time.Duration(v%3) * 100 * time.Microsecond)
	switch v % 7 {
	case 1:
		return 0, errFlaky
	case 2:
		panic(errFlaky)
	case 3:
		return 0, stages.ErrDrop
	}
	return v, nil
}

func total(_ context.Context, sum, v int) (int, error) {
	_, err := moody(context.Background(), v)
	return sum + v, err
}

func length(_ context.Context, vs []int) (int, error) {
	return moody(context.Background(), len(vs)+vs[0])
}

// operators are all the ways for an item to go. other is a second stream.
var operators = map[string]func(s, other *flow.Stream[int]) *flow.Stream[int]{
	"Map":     func(s, _ *flow.Stream[int]) *flow.Stream[int] { return s.Map("op", moody) },
	"several": func(s, _ *flow.Stream[int]) *flow.Stream[int] { return s.Map("op", moody, stages.Workers(4)) },
	"unordered": func(s, _ *flow.Stream[int]) *flow.Stream[int] {
		return s.Map("op", moody, stages.Workers(4), stages.Unordered())
	},
	"Lanes": func(s, _ *flow.Stream[int]) *flow.Stream[int] {
		return s.Lanes("op", func(v int) int { return v % 9 }, moody)
	},
	"Filter": func(s, _ *flow.Stream[int]) *flow.Stream[int] {
		return s.Filter("op", func(_ context.Context, v int) (bool, error) { return v%2 == 0, nil })
	},
	"Batch":        func(s, _ *flow.Stream[int]) *flow.Stream[int] { return s.Batch(4, time.Millisecond).Map("op", length) },
	"Batch of any": func(s, _ *flow.Stream[int]) *flow.Stream[int] { return s.Batch(4, 0).Map("op", length) },
	"MapBatch": func(s, _ *flow.Stream[int]) *flow.Stream[int] {
		return s.Via("op", operator.MapBatch(5, time.Millisecond, moodily, stages.Workers(2)))
	},
	"Window": func(s, _ *flow.Stream[int]) *flow.Stream[int] {
		return s.Window(operator.Tumbling(3*time.Millisecond)).Map("op", func(ctx context.Context, w operator.WindowOf[int]) (int, error) { return length(ctx, w.Items) })
	},
	"Scan":     func(s, _ *flow.Stream[int]) *flow.Stream[int] { return s.Scan("op", 0, total) },
	"Reduce":   func(s, _ *flow.Stream[int]) *flow.Stream[int] { return s.Reduce("op", 0, total) },
	"Take":     func(s, _ *flow.Stream[int]) *flow.Stream[int] { return s.Take(20) },
	"Skip":     func(s, _ *flow.Stream[int]) *flow.Stream[int] { return s.Skip(20) },
	"Debounce": func(s, _ *flow.Stream[int]) *flow.Stream[int] { return s.Debounce(time.Millisecond) },
	"Delay":    func(s, _ *flow.Stream[int]) *flow.Stream[int] { return s.Delay(5 * time.Millisecond) },
	"Distinct": func(s, _ *flow.Stream[int]) *flow.Stream[int] {
		return s.DistinctUntilChanged(func(v int) int { return v / 3 })
	},
	"Throttle": func(s, _ *flow.Stream[int]) *flow.Stream[int] { return s.Throttle(limiter.PerSecond(5000), nil) },
	"Merge":    func(s, other *flow.Stream[int]) *flow.Stream[int] { return s.Merge(other) },
	"Concat":   func(s, other *flow.Stream[int]) *flow.Stream[int] { return s.Concat(other) },
	"Zip":      func(s, other *flow.Stream[int]) *flow.Stream[int] { return s.Zip(other, first) },
	"Join": func(s, other *flow.Stream[int]) *flow.Stream[int] {
		key := func(v int) int { return v % 10 }
		return s.Join(other, 2*time.Millisecond, key, key, func(x, _ int) int {
			if x%7 == 6 {
				panic(errFlaky)
			}
			return x
		})
	},
	"FlatMap": func(s, _ *flow.Stream[int]) *flow.Stream[int] {
		return s.FlatMap("op", func(ctx context.Context, v int) (iter.Seq[int], error) {
			_, err := moody(ctx, v)
			return slices.Values(upTo(v % 4)), err
		})
	},
	"Broadcast": func(s, _ *flow.Stream[int]) *flow.Stream[int] {
		b := s.Broadcast(2)
		return b[0].Map("op", moody).Merge(b[1])
	},
	"diamond": func(s, _ *flow.Stream[int]) *flow.Stream[int] {
		b := s.Broadcast(2)
		return b[0].Map("left", same).Zip(b[1].Map("right", nap), first).Map("op", moody)
	},
	"Balance": func(s, _ *flow.Stream[int]) *flow.Stream[int] {
		b := s.Balance(2)
		return b[0].Map("op", moody).Merge(b[1].Map("slow", nap))
	},
	"Partition": func(s, _ *flow.Stream[int]) *flow.Stream[int] {
		b := s.Partition(2, func(v int) int { return v % 3 }) // of which one is none
		return b[0].Map("op", moody).Merge(b[1])
	},
	"Section": func(s, _ *flow.Stream[int]) *flow.Stream[int] {
		return s.Guard(guard.Limit(4)).Dedup(dedup.Window(time.Millisecond), func(v int) int { return v / 2 }).
			Retry(retry.Constant(2, time.Millisecond)).Map("op", moody, stages.Workers(2))
	},
	"OnError": func(s, _ *flow.Stream[int]) *flow.Stream[int] {
		return s.Map("op", moody).OnError(func(ctx context.Context, e *stages.ItemError) (int, error) { return moody(ctx, e.Value.(int)+1) })
	},
	"DeadLetter": func(s, _ *flow.Stream[int]) *flow.Stream[int] {
		return s.Map("op", moody).DeadLetter((&deadletter.Memory[int]{Max: 10}).Put)
	},
}

// moodily is moody for many.
func moodily(ctx context.Context, vs []int) ([]int, error) {
	failed := map[int]error{}
	for i, v := range vs {
		if v%7 == 2 {
			continue
		}
		if _, err := moody(ctx, v); err != nil {
			failed[i] = err
		}
	}
	if len(failed) == 0 {
		return vs, nil
	}
	return vs, &stages.BatchError{Errs: failed}
}

// Whatever an item goes through and however the run ends, its source hears of it
// once, and the books balance.
func TestEachOperatorKeepsTheLineage(t *testing.T) {
	ends := map[string]func(*flow.Run){
		"exhausted": func(*flow.Run) {},
		"stopped":   (*flow.Run).Stop,
		"aborted":   func(r *flow.Run) { r.Abort(errBroken) },
	}
	for name, op := range operators {
		for end, do := range ends {
			t.Run(name+", "+end, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					a := &postbox{n: 150, burst: 1, pause: time.Millisecond}
					b := &postbox{n: 120, burst: 2, pause: time.Millisecond}
					g := flow.New()
					s, other := g.From(a, stages.Name("a")), g.From(b, stages.Name("b"))
					switch name {
					case "Merge", "Concat", "Zip", "Join":
					default:
						other.To(takesAll{})
					}
					r, err := op(s, other).To(takesAll{}, stages.Name("end")).Start(t.Context())
					require.NoError(t, err)
					time.AfterFunc(7*time.Millisecond+time.Microsecond, func() { do(r) })
					rep, err := r.Wait()
					if end == "aborted" {
						require.ErrorIs(t, err, errBroken)
					} else {
						require.NoError(t, err)
					}
					require.NoError(t, rep.Check())
					a.check(t)
					b.check(t)
					require.NotEmpty(t, a.taken)
				})
			})
		}
	}
}

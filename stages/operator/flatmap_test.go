package operator_test

import (
	"context"
	"iter"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/operator"
	"github.com/weir-go/weir/stages/source"
)

// times makes v values of each v.
func times(_ context.Context, v int) (iter.Seq[int], error) {
	return slices.Values(make([]int, v)), nil
}

func TestFlatMapCountsWhatItMakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, source.Slice(upTo(5)), operator.FlatMap(times))
		require.Len(t, r.out, 0+1+2+3+4)
		require.Equal(t, stages.Ledger{In: 5, Derived: 10 - 4, Out: 10, Filtered: 1}, r.ledger())
		r = through(t, source.Slice(upTo(5)), operator.FlatMap(func(context.Context, int) (iter.Seq[int], error) { return nil, nil }))
		require.Equal(t, int64(5), r.ledger().Filtered, "a nil sequence is an empty one")
	})
}

func TestFlatMap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, source.Slice([]int{2, 0, 1, 3}), operator.FlatMap(func(_ context.Context, v int) (iter.Seq[int], error) {
			if v == 1 {
				return nil, errOdd
			}
			return slices.Values(upTo(v)), nil
		}))
		require.Equal(t, []string{"0", "1", "!", "0", "1", "2"}, r.order)
		require.Equal(t, int64(1), r.nodes[1].Ledger().Filtered)
		require.Equal(t, int64(3), r.nodes[1].Ledger().Derived)
	})
}

// What the sequence had yielded is on its way; the item itself has failed.
func TestAPanicInASequenceFailsItsItem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, source.Slice(upTo(4)), operator.FlatMap(func(_ context.Context, v int) (iter.Seq[int], error) {
			if v == 0 {
				panic(errFlaky)
			}
			return func(yield func(int) bool) {
				_ = yield(v)
				if v == 2 {
					panic(errFlaky)
				}
			}, nil
		}))
		require.Equal(t, []string{"!", "1", "2", "!", "3"}, r.order)
		require.ErrorIs(t, r.failed[1], errFlaky)
		require.Equal(t, 2, r.failed[1].Value)
		require.NoError(t, r.err)
	})
}

// A sequence without end ends with the flow.
func TestAnAbortEndsAnEndlessSequence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, source.Slice(upTo(3)), operator.FlatMap(func(_ context.Context, v int) (iter.Seq[int], error) {
			return func(yield func(int) bool) {
				for i := 0; yield(i); i++ {
					time.Sleep(time.Second)
				}
			}, nil
		}), after(10500*time.Millisecond, abort))
		require.Equal(t, upTo(11), r.out[:11])
		require.ErrorIs(t, r.failed[0], stages.ErrAborted)
		require.Len(t, r.failed, 3)
	})
}

// To wait for room is no work, and each value carries the history of its item.
func TestTheTimingsOfAFlatMap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := behindMap(t, source.Slice([]int{1}), takes(3*time.Second), operator.FlatMap(func(context.Context, int) (iter.Seq[int], error) {
			time.Sleep(time.Second)
			return func(yield func(int) bool) {
				for i := range 3 {
					time.Sleep(time.Second)
					yield(i)
				}
			}, nil
		}))
		require.Equal(t, int64(1), r.nodes[1].Effort().Attempts)
		require.Equal(t, 4*time.Second, r.nodes[1].Effort().Work)
		for _, tm := range r.times {
			require.Equal(t, 3*time.Second, tm.At(0).Work)
		}
		require.Equal(t, "map", r.times[2].At(0).Stage)
		require.Equal(t, 2*time.Second, r.timing(0).Work)
		require.Equal(t, 7*time.Second, r.times[2].Total())
	})
}

func TestFlatMapWithoutTimings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := drive(t, true, source.Slice(upTo(5)), operator.FlatMap(times))
		require.Len(t, r.out, 10)
		require.Zero(t, r.times[0].Len())
		require.Error(t, validate(operator.FlatMap[int, int](nil)))
	})
}

// endless counts up for ever. It counts what it has yielded in n.
func endless(n *int) func(context.Context, int) (iter.Seq[int], error) {
	return func(context.Context, int) (iter.Seq[int], error) {
		return func(yield func(int) bool) {
			for *n = 1; yield(*n - 1); *n++ {
			}
		}, nil
	}
}

// The fault: a FlatMap above a Take that had ended went on ranging, and an endless sequence
// never ended the run.
func TestFlatMapStopsWhenNoStageBelowWantsMore(t *testing.T) {
	same := func(_ context.Context, v int) (int, error) { return v, nil }
	for name, below := range map[string]func(*flow.Stream[int]) *flow.Stream[int]{
		"Take":         func(s *flow.Stream[int]) *flow.Stream[int] { return s.Take(3) },
		"far below":    func(s *flow.Stream[int]) *flow.Stream[int] { return s.Map("a", same).Skip(0).Map("b", same).Take(3) },
		"Take of none": func(s *flow.Stream[int]) *flow.Stream[int] { return s.Take(0) },
		"behind a split": func(s *flow.Stream[int]) *flow.Stream[int] {
			b := s.Broadcast(2)
			return b[0].Take(2).Merge(b[1].Take(1))
		},
		"a slow reader": func(s *flow.Stream[int]) *flow.Stream[int] {
			return s.Map("slow", takes(time.Second)).Take(3)
		},
		"FlatMap below": func(s *flow.Stream[int]) *flow.Stream[int] {
			var n int
			return s.FlatMap("more", endless(&n)).Take(3)
		},
	} {
		for how, opts := range map[string][]flow.RunOption{"": nil, ", untimed": {flow.Untimed()}, ", detached": {flow.AbandonAfter(time.Hour)}} {
			t.Run(name+how, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var n int
					var rep flow.Report
					a := &acked{n: 1}
					got, err := below(flow.From(a).FlatMap("endless", endless(&n))).Collect(t.Context(), append(opts, flow.ReportTo(&rep))...)
					require.NoError(t, err)
					require.NoError(t, rep.Check())
					require.Len(t, got, map[bool]int{true: 0, false: 3}[name == "Take of none"])
					require.NoError(t, a.once(t)[0])
					require.Less(t, n, 5000)
				})
			})
		}
	}
}

// All that is made of an item acknowledges it together, however much it is, and a failure of
// any of it is what the source hears.
func TestASourceHearsOfAFlatMapOnce(t *testing.T) {
	for _, many := range []int{1, 10, 1000} {
		synctest.Test(t, func(t *testing.T) {
			spread := operator.FlatMap(func(_ context.Context, v int) (iter.Seq[int], error) {
				return func(yield func(int) bool) {
					for i := range many {
						if !yield(v*many + i) {
							return
						}
					}
				}, nil
			})
			a := &acked{n: 7}
			r := run(t, false, operator.Map(func(_ context.Context, v int) (int, error) {
				if v == 3*many {
					return 0, errFlaky
				}
				return v, nil
			}), nil, fed(a, spread))
			require.Len(t, r.out, 7*many-1)
			for v, err := range a.once(t) {
				if v == 3 {
					require.ErrorIs(t, err, errFlaky)
				} else {
					require.NoError(t, err)
				}
			}
		})
	}
}

// However many children share a clock reading, each has passed each stage once, and the sums
// are exact.
func TestTheTimingsOfManyChildren(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const items, many = 40, 50
		r := behindMap(t, source.Slice(upTo(items)), same, operator.FlatMap(func(_ context.Context, v int) (iter.Seq[int], error) {
			return func(yield func(int) bool) {
				for i := range many {
					if v%10 == 9 && i == 30 {
						time.Sleep(time.Second)
					}
					if !yield(i) {
						return
					}
				}
			}, nil
		}))
		require.Len(t, r.out, items*many)
		slow := 0
		for i, tm := range r.times {
			require.Equal(t, 2, tm.Len(), i)
			require.Equal(t, "map", tm.At(0).Stage)
			require.Equal(t, "stage", tm.At(1).Stage)
			if tm.At(1).Work >= time.Second/64 {
				slow++
			}
		}
		require.GreaterOrEqual(t, slow, items/10)
		require.Equal(t, stages.Ledger{In: items, Derived: items * (many - 1), Out: items * many}, r.ledger())
		require.Equal(t, 4*time.Second, r.nodes[1].Effort().Work)
		require.Equal(t, time.Second, r.nodes[1].Effort().Longest)
		require.Equal(t, int64(items), r.nodes[1].Effort().Attempts)
	})
}

// An item whose time is up stops ranging. What it has made has left.
func TestADeadlineStopsRanging(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, false, operator.FlatMap(func(_ context.Context, v int) (iter.Seq[int], error) {
			return func(yield func(int) bool) {
				for i := 0; yield(i); i++ {
					time.Sleep(time.Second)
				}
			}, nil
		}), nil, fed(source.Slice(upTo(2)), operator.Deadline[int](2500*time.Millisecond)))
		require.Equal(t, []string{"0", "1", "2", "!", "!"}, r.order)
		require.Equal(t, stages.Ledger{In: 2, Derived: 3, Out: 3, Expired: 2}, r.ledger())
		require.ErrorIs(t, r.failed[0], stages.ErrExpired)
		require.Equal(t, 3*time.Second, r.took)
	})
}

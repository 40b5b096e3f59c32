package stages

import (
	"context"
	"iter"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// times makes v values of each v.
func times(_ context.Context, v int) (iter.Seq[int], error) {
	return slices.Values(make([]int, v)), nil
}

func TestFlatMapCountsWhatItMakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, Slice(upTo(5)), FlatMap(times))
		require.Len(t, r.out, 0+1+2+3+4)
		require.Equal(t, Ledger{In: 5, Derived: 10 - 4, Out: 10, Filtered: 1}, r.ledger())
		r = through(t, Slice(upTo(5)), FlatMap(func(context.Context, int) (iter.Seq[int], error) { return nil, nil }))
		require.Equal(t, int64(5), r.ledger().Filtered, "a nil sequence is an empty one")
	})
}

// What the sequence had yielded is on its way; the item itself has failed.
func TestAPanicInASequenceFailsItsItem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, Slice(upTo(4)), FlatMap(func(_ context.Context, v int) (iter.Seq[int], error) {
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

func TestAGoexitInASequenceLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, Slice(upTo(10)), FlatMap(func(_ context.Context, v int) (iter.Seq[int], error) {
			if v == 5 {
				runtime.Goexit()
			}
			return slices.Values([]int{v}), nil
		}))
		require.Equal(t, []int{0, 1, 2, 3, 4, 6, 7, 8, 9}, r.out)
		require.NoError(t, r.err)
		require.Len(t, r.failed, 1)
		require.Equal(t, 5, r.failed[0].Value)
		require.ErrorIs(t, r.failed[0], ErrGoexit)
	})
}

// A sequence without end ends with the flow.
func TestAnAbortEndsAnEndlessSequence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, Slice(upTo(3)), FlatMap(func(_ context.Context, v int) (iter.Seq[int], error) {
			return func(yield func(int) bool) {
				for i := 0; yield(i); i++ {
					time.Sleep(time.Second)
				}
			}, nil
		}), after(10500*time.Millisecond, abort))
		require.Equal(t, upTo(11), r.out[:11])
		require.ErrorIs(t, r.failed[0], ErrAborted)
		require.Len(t, r.failed, 3)
	})
}

// To wait for room is no work, and each value carries the history of its item.
func TestTheTimingsOfAFlatMap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := behindMap(t, Slice([]int{1}), takes(3*time.Second), FlatMap(func(context.Context, int) (iter.Seq[int], error) {
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
		r := drive(t, true, Slice(upTo(5)), FlatMap(times))
		require.Len(t, r.out, 10)
		require.Zero(t, r.times[0].Len())
		require.Error(t, FlatMap[int, int](nil).(Validator).Validate())
	})
}

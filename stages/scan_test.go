package stages

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// sum adds odd numbers up, cannot do so with 4, panics at 6 and drops 8.
func sum(_ context.Context, total, v int) (int, error) {
	switch v {
	case 4:
		return -1, errFlaky
	case 6:
		panic(errGone)
	case 8:
		return -1, ErrDrop
	}
	return total + v, nil
}

func TestScanSendsEachState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, Slice(upTo(10)), Scan(100, sum))
		require.Equal(t, []string{"100", "101", "103", "106", "!", "111", "!", "118", "127"}, r.order,
			"what fails, and what is dropped, leaves the state as it was")
		require.ErrorIs(t, r.failed[0], errFlaky)
		require.ErrorIs(t, r.failed[1], errGone)
		require.Equal(t, Ledger{In: 10, Out: 7, Failed: 2, Filtered: 1}, r.ledger())
	})
}

// Each run has a state of its own, and no number of workers makes it two.
func TestScanBeginsAnewAndWorksAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := Scan(0, func(_ context.Context, n, _ int) (int, error) { return n + 1, nil })
		for range 2 {
			r := through(t, Slice(upTo(1000)), s, func(rt *Runtime) {
				require.ErrorContains(t, rt.Nodes()[1].SetWorkers(4), "no workers")
			})
			require.Equal(t, 1000, r.out[999])
		}
	})
}

func TestReduceSendsOneResultAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, every(time.Second, 10), Reduce(100, sum))
		require.Equal(t, []string{"!", "!", "127"}, r.order)
		require.Equal(t, Ledger{In: 10, Out: 1, Folded: 6, Failed: 2, Filtered: 1}, r.ledger())
		require.Equal(t, 10*time.Second, r.times[2].Total(), "of the first item")
		require.Equal(t, int64(10), r.nodes[1].Effort().Attempts)
	})
}

func TestReduceOfNothingIsWhereItBegan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, Slice([]int{4}), Reduce(100, sum))
		require.Equal(t, []string{"!", "100"}, r.order)
		require.Equal(t, Ledger{In: 1, Derived: 1, Out: 1, Failed: 1}, r.ledger())
	})
}

func TestReduceTellsOnAStopWhatThereWas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, every(time.Second, 4), Reduce(0, sum), after(2500*time.Millisecond, stop))
		require.Equal(t, []int{3}, r.out)
	})
}

// Half of a result is none.
func TestReduceFailsOnAnAbort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, every(time.Second, 4), Reduce(0, sum), after(2500*time.Millisecond, abort))
		require.Empty(t, r.out)
		require.ErrorIs(t, r.failed[0], ErrAborted)
		require.ErrorIs(t, r.failed[0], errGone)
	})
}

func TestReduceCallsForNoItemThatIsLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, false, Reduce(0, func(ctx context.Context, n, v int) (int, error) {
			if v == 0 {
				<-ctx.Done()
				return 0, ctx.Err()
			}
			return n + v, nil
		}), nil, fed(Slice(upTo(3)), Deadline[int](time.Second)))
		require.Equal(t, []string{"!", "!", "!", "0"}, r.order)
		require.Equal(t, int64(3), r.ledger().Expired)
		require.Equal(t, time.Second, r.took)
	})
}

// An item whose function ends the goroutine leaves the result as it was.
func TestGoexitInReduceLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, Slice(upTo(100)), Reduce(0, func(_ context.Context, n, v int) (int, error) {
			if v == 50 {
				runtime.Goexit()
			}
			return n + v, nil
		}))
		require.Equal(t, []int{4950 - 50}, r.out)
		require.NoError(t, r.err)
		require.Len(t, r.failed, 1)
		require.ErrorIs(t, r.failed[0], ErrGoexit)
	})
}

func TestScanAndReduceRefuseNoFunction(t *testing.T) {
	for _, s := range []any{Scan[int](0, nil), Reduce[int](0, nil)} {
		require.EqualError(t, s.(Validator).Validate(), "function is nil")
	}
}

func TestTakeStopsTheIntake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, every(time.Second, 1000), Take[int](3))
		require.Equal(t, upTo(3), r.out)
		require.Equal(t, 2*time.Second, r.took, "with the last of them, not with the one after")
		require.NoError(t, r.err)
	})
}

func TestTakeDropsWhatComesStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := behindMap(t, Slice(upTo(12)), thirds, Take[int](2))
		require.Equal(t, []int{0, 3}, r.out)
		require.Equal(t, Ledger{In: 4, Out: 2, Filtered: 2}, r.ledger())
		require.Len(t, r.failed, 8, "what has failed before is no business of it")
		require.Equal(t, upTo(5), through(t, Slice(upTo(5)), Take[int](9)).out)
		require.Empty(t, through(t, Slice(upTo(5)), Take[int](0)).out)
	})
}

func TestSkipDropsTheFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := behindMap(t, Slice(upTo(12)), thirds, Skip[int](2))
		require.Equal(t, []int{6, 9}, r.out)
		require.Equal(t, Ledger{In: 4, Out: 2, Filtered: 2}, r.ledger())
		require.Len(t, r.failed, 8)
		require.Empty(t, through(t, Slice(upTo(5)), Skip[int](9)).out)
		require.Equal(t, upTo(500), through(t, Slice(upTo(500)), Skip[int](0)).out)
	})
}

func TestTakeAndSkipRefuseLessThanNothing(t *testing.T) {
	require.EqualError(t, Take[int](-1).(Validator).Validate(), "number of items to take must be at least 0, not -1")
	require.EqualError(t, Skip[int](-1).(Validator).Validate(), "number of items to skip must be at least 0, not -1")
}

func TestDistinctUntilChangedDropsRepetitions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tens := func(v int) int {
			if v == 25 {
				panic(errGone)
			}
			return v / 10
		}
		r := through(t, Slice([]int{1, 2, 11, 3, 4, 25, 5, 21, 22}), DistinctUntilChanged(tens))
		require.Equal(t, []string{"1", "11", "3", "!", "21"}, r.order)
		require.Equal(t, Ledger{In: 9, Out: 4, Failed: 1, Filtered: 4}, r.ledger())
		require.True(t, errors.Is(r.failed[0], errGone))
		require.Error(t, DistinctUntilChanged[int, int](nil).(Validator).Validate())
	})
}

package stages

import (
	"context"
	"iter"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/retry"
)

// dawdle is a call that takes d unless its context ends before.
func dawdle(d time.Duration) func(context.Context, int) (int, error) {
	return func(ctx context.Context, v int) (int, error) {
		select {
		case <-time.After(d):
			return v, nil
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// dated puts a Deadline of d before the stage.
func dated[O any](t *testing.T, untimed bool, d time.Duration, src Source[int], s Stage[int, O]) *rig[int, O] {
	t.Helper()
	stage := Deadline[int](d)
	require.NoError(t, stage.(Validator).Validate())
	return run(t, untimed, s, nil, fed(src, stage))
}

func TestAnItemThatIsLateIsNotWorkedOn(t *testing.T) {
	for name, s := range map[string]Stage[int, int]{
		"Map":            Map(dawdle(time.Second)),
		"several":        Map(dawdle(2*time.Second), Workers(2)),
		"section":        Section(nil, dawdle(time.Second)),
		"section layers": Section(documented(), dawdle(time.Second)),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := dated(t, false, 3500*time.Millisecond, Slice(upTo(8)), s)
				require.Equal(t, 3500*time.Millisecond, r.took)
				require.Equal(t, int64(len(r.failed)), r.ledger().Expired)
				for _, f := range r.failed {
					require.ErrorIs(t, f, ErrExpired)
					require.ErrorIs(t, f, context.DeadlineExceeded)
				}
				require.Zero(t, r.failed[len(r.failed)-1].Attempts, "it was not begun")
				require.Equal(t, upTo(len(r.out)), r.out)
				require.Contains(t, []int{2, 3}, len(r.out))
			})
		})
	}
}

// What stages other than Map do with an item is work on it, too.
func TestNoStageBeginsWorkOnAnItemThatIsLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		late := 0
		r := dated(t, false, 3500*time.Millisecond, Slice(upTo(8)), FlatMap(func(ctx context.Context, v int) (iter.Seq[int], error) {
			if _, ok := ctx.Deadline(); !ok {
				late++
			}
			time.Sleep(time.Second)
			return slices.Values([]int{v}), nil
		}))
		require.Zero(t, late, "the context of a function at work ends when the time is up")
		require.Equal(t, int64(4), r.ledger().Expired)
	})
}

func TestAnExpiredItemSaysNothingAboutTheService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := fuse(t, 1, time.Hour)
		r := dated(t, false, time.Second, Slice(upTo(8)), Section([]Layer[int]{Breaker[int](b)}, dawdle(time.Minute)))
		require.Len(t, r.failed, 8)
		require.Equal(t, breaker.Closed, b.State())
	})
}

func TestARetryDoesNotWaitBeyondTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := dated(t, false, 10*time.Second, Slice([]int{1}), Section([]Layer[int]{Retry[int](retry.Constant(9, 6*time.Second))}, fails))
		require.Equal(t, 6*time.Second, r.took, "the third try would come at 12 s")
		require.ErrorIs(t, r.failed[0], errFlaky)
		require.Equal(t, 2, r.failed[0].Attempts)
	})
}

// The earlier of two deadlines holds, and an untimed run has them, too.
func TestTheEarlierDeadlineHolds(t *testing.T) {
	for _, untimed := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			r := dated(t, untimed, time.Minute, Slice(upTo(2)), Deadline[int](time.Hour))
			require.Equal(t, []time.Duration{time.Minute, time.Minute}, r.left)
			r = dated(t, untimed, time.Hour, Slice(upTo(2)), Deadline[int](time.Minute))
			require.Equal(t, []time.Duration{time.Minute, time.Minute}, r.left)
		})
	}
}

// A deadline counts from the entry into the flow where that is known.
func TestADeadlineCountsFromTheEntry(t *testing.T) {
	for untimed, want := range map[bool]time.Duration{false: 40 * time.Second, true: time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			r := run(t, untimed, Deadline[int](time.Minute), nil, fed(Slice(upTo(1)), Map(takes(20*time.Second))))
			require.Equal(t, []time.Duration{want}, r.left)
		})
	}
}

// Also where an item has a lineage in an untimed run, which does not tell when it
// entered: its deadline had passed when the run was as old.
func TestADeadlineInAnUntimedRunCountsFromItsStage(t *testing.T) {
	for name, first := range map[string]struct {
		src   Source[int]
		stage Stage[int, int]
	}{
		"acknowledged": {&acked{n: 1, gap: 2 * time.Minute}, Map(takes(20 * time.Second))},
		"remembered":   {Slice(upTo(1)), Remember[int]()},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := run(t, true, Deadline[int](time.Minute), nil, fed(first.src, first.stage))
				require.Equal(t, []time.Duration{time.Minute}, r.left)
			})
		})
	}
}

func TestADeadlineThatNeverComesIsNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := dated(t, false, 1<<63-1, every(time.Second, 3), Map(same))
		require.Equal(t, upTo(3), r.out)
		require.Zero(t, r.left[2], "it would be after the end of time")
	})
}

func TestDeadlinesRefuseNothing(t *testing.T) {
	require.Error(t, Deadline[int](0).(Validator).Validate())
	require.Error(t, Section([]Layer[int]{Timeout[int](-1)}, same).(Validator).Validate())
}

func TestATimeoutEndsACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := fuse(t, 2, time.Hour)
		r := through(t, Slice(upTo(4)), Section([]Layer[int]{Breaker[int](b), Timeout[int](time.Second)}, dawdle(time.Minute), Workers(4)))
		require.Equal(t, time.Second, r.took)
		for _, f := range r.failed {
			require.ErrorIs(t, f, ErrTimeout)
			require.Equal(t, 1, f.Attempts)
		}
		require.Equal(t, breaker.Open, b.State(), "it is a failure of the service")
		require.Equal(t, int64(4), r.ledger().Failed, "and no expired item")
	})
}

// Inside a retry a timeout is of each try, around it of all of them.
func TestTheOrderOfTimeoutAndRetry(t *testing.T) {
	tries := retry.Constant(5, time.Second)
	for name, tt := range map[string]struct {
		layers   []Layer[int]
		attempts int
		took     time.Duration
	}{
		"timeout inside":  {[]Layer[int]{Retry[int](tries), Timeout[int](3 * time.Second)}, 5, 19 * time.Second},
		"timeout outside": {[]Layer[int]{Timeout[int](3 * time.Second), Retry[int](tries)}, 1, 3 * time.Second},
		"both":            {[]Layer[int]{Timeout[int](6 * time.Second), Retry[int](tries), Timeout[int](3 * time.Second)}, 2, 6 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := through(t, Slice([]int{1}), Section(tt.layers, dawdle(time.Minute)))
				require.ErrorIs(t, r.failed[0], ErrTimeout)
				require.Equal(t, tt.attempts, r.failed[0].Attempts)
				require.Equal(t, tt.took, r.took)
			})
		})
	}
}

// A call whose time has passed while it waited for a worker is not made.
func TestACallThatIsTooLateIsNotMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, Slice(upTo(3)), Section([]Layer[int]{Timeout[int](1500 * time.Millisecond)}, takes(time.Second)))
		require.Equal(t, []int{0, 1}, r.out, "a call that ends well counts, however late")
		require.ErrorIs(t, r.failed[0], ErrTimeout)
		require.Zero(t, r.failed[0].Attempts)
	})
}

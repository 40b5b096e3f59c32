package operator_test

import (
	"context"
	"iter"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/operator"
	"github.com/weir-go/weir/stages/source"
)

// dated puts a Deadline of d before the stage.
func dated[O any](t *testing.T, untimed bool, d time.Duration, src stages.Source[int], s stages.Stage[int, O]) *rig[int, O] {
	t.Helper()
	stage := operator.Deadline[int](d)
	require.NoError(t, validate(stage))
	return run(t, untimed, s, nil, fed(src, stage))
}

func TestAnItemThatIsLateIsNotWorkedOn(t *testing.T) {
	for name, s := range map[string]stages.Stage[int, int]{
		"Map":     operator.Map(dawdle(time.Second)),
		"several": operator.Map(dawdle(2*time.Second), stages.Workers(2)),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := dated(t, false, 3500*time.Millisecond, source.Slice(upTo(8)), s)
				require.Equal(t, 3500*time.Millisecond, r.took)
				require.Equal(t, int64(len(r.failed)), r.ledger().Expired)
				for _, f := range r.failed {
					require.ErrorIs(t, f, stages.ErrExpired)
					require.ErrorIs(t, f, context.DeadlineExceeded)
				}
				require.Zero(t, r.failed[len(r.failed)-1].Attempts, "it was not begun")
				require.Equal(t, upTo(len(r.out)), r.out)
				require.Contains(t, []int{2, 3}, len(r.out))
			})
		})
	}
}

// What stages other than Map do with an item is work on it as well.
func TestNoStageBeginsWorkOnAnItemThatIsLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		late := 0
		r := dated(t, false, 3500*time.Millisecond, source.Slice(upTo(8)), operator.FlatMap(func(ctx context.Context, v int) (iter.Seq[int], error) {
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

// The earlier of two deadlines holds, in an untimed run as well.
func TestTheEarlierDeadlineHolds(t *testing.T) {
	for _, untimed := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			r := dated(t, untimed, time.Minute, source.Slice(upTo(2)), operator.Deadline[int](time.Hour))
			require.Equal(t, []time.Duration{time.Minute, time.Minute}, r.left)
			r = dated(t, untimed, time.Hour, source.Slice(upTo(2)), operator.Deadline[int](time.Minute))
			require.Equal(t, []time.Duration{time.Minute, time.Minute}, r.left)
		})
	}
}

// A deadline counts from the entry into the flow if that is known.
func TestADeadlineCountsFromTheEntry(t *testing.T) {
	for untimed, want := range map[bool]time.Duration{false: 40 * time.Second, true: time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			r := run(t, untimed, operator.Deadline[int](time.Minute), nil, fed(source.Slice(upTo(1)), operator.Map(takes(20*time.Second))))
			require.Equal(t, []time.Duration{want}, r.left)
		})
	}
}

// The fault: an item that has a lineage in an untimed run was late when the run was as old as
// the deadline. The lineage does not tell when the item entered.
func TestADeadlineInAnUntimedRunCountsFromItsStage(t *testing.T) {
	for name, first := range map[string]struct {
		src   stages.Source[int]
		stage stages.Stage[int, int]
	}{
		"acknowledged": {&acked{n: 1, gap: 2 * time.Minute}, operator.Map(takes(20 * time.Second))},
		"remembered":   {source.Slice(upTo(1)), operator.Remember[int]()},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := run(t, true, operator.Deadline[int](time.Minute), nil, fed(first.src, first.stage))
				require.Equal(t, []time.Duration{time.Minute}, r.left)
			})
		})
	}
}

func TestADeadlineThatNeverComesIsNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := dated(t, false, 1<<63-1, every(time.Second, 3), operator.Map(same))
		require.Equal(t, upTo(3), r.out)
		require.Zero(t, r.left[2], "it would be after the end of time")
	})
}

func TestDeadlineRefusesNothing(t *testing.T) {
	require.Error(t, validate(operator.Deadline[int](0)))
}

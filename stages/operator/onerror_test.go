package operator_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/operator"
	"github.com/weir-go/weir/stages/source"
)

func TestAnErrorPolicyReplacesDropsOrLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked []any
		r := behindMap(t, source.Slice(upTo(7)), thirds, operator.OnError(func(_ context.Context, e *stages.ItemError) (int, error) {
			asked = append(asked, e.Value)
			require.Equal(t, "map", e.Stage)
			switch {
			case errors.Is(e, errFlaky):
				return -e.Value.(int), nil
			case e.Value == 1:
				return 0, stages.ErrDrop
			}
			return 0, errGone
		}))
		require.Equal(t, []string{"0", "-2", "3", "!", "-5", "6"}, r.order)
		require.Equal(t, []any{1, 2, 4, 5}, asked)
		require.ErrorIs(t, r.failed[0], errGone)
		require.Equal(t, "map", r.failed[0].Stage, "the failure of the stage where it failed")
		require.Equal(t, 4, r.failed[0].Value)
		require.Equal(t, stages.Ledger{In: 3, Recovered: 3, Out: 5, Filtered: 1}, r.ledger())
	})
}

func TestADeadLetterTakesWhatFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		full := errors.New("full")
		var dead []any
		r := behindMap(t, source.Slice(upTo(9)), thirds, operator.DeadLetter[int](func(_ context.Context, e *stages.ItemError) error {
			if len(dead) == 3 {
				return full
			}
			dead = append(dead, e.Value)
			return nil
		}))
		require.Equal(t, []any{1, 2, 4}, dead)
		require.Equal(t, []int{0, 3, 6}, r.out)
		require.Equal(t, int64(3), r.ledger().DeadLettered)
		require.Len(t, r.failed, 3)
		require.ErrorIs(t, r.failed[0], full)
		require.ErrorIs(t, r.failed[0], errFlaky, "with both errors")
		require.ErrorContains(t, r.failed[0], `stage "stage" could not keep it`)
	})
}

func TestAPanicInAPolicyCostsItsItem(t *testing.T) {
	for name, s := range map[string]stages.Stage[int, int]{
		"OnError":    operator.OnError(func(context.Context, *stages.ItemError) (int, error) { panic(errGone) }),
		"DeadLetter": operator.DeadLetter[int](func(context.Context, *stages.ItemError) error { panic(errGone) }),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := behindMap(t, source.Slice(upTo(6)), tenfold, s)
				require.Equal(t, []string{"0", "!", "20", "!", "40", "!"}, r.order)
				for _, f := range r.failed {
					require.ErrorIs(t, f, errGone)
				}
				require.NoError(t, r.err)
			})
		})
	}
}

// The fault: aborted items were dead-lettered and acknowledged as done, or given back, as it
// happened. They go back to their source, and no policy is asked.
func TestNoPolicyGetsAnAbortedItem(t *testing.T) {
	asked := 0
	for name, s := range map[string]stages.Stage[int, int]{
		"OnError":    operator.OnError(func(context.Context, *stages.ItemError) (int, error) { asked++; return 0, nil }),
		"DeadLetter": operator.DeadLetter[int](func(context.Context, *stages.ItemError) error { asked++; return nil }),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := &acked{n: 10, gap: time.Second}
				r := behindMap(t, a, dawdle(2*time.Second), s, after(5500*time.Millisecond, abort))
				require.Zero(t, asked)
				require.Equal(t, []int{0, 1}, r.out)
				require.NotEmpty(t, r.failed)
				for v, errs := range a.errs {
					require.Len(t, errs, 1)
					if v < 2 {
						require.NoError(t, errs[0])
					} else if v > 2 { // which was at work
						require.ErrorIs(t, errs[0], stages.ErrAborted)
					}
				}
			})
		})
	}
}

// What is handed back goes past the policies as well.
func TestNoPolicyGetsAnItemThatIsHandedBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := behindMap(t, source.Slice(upTo(4)), func(context.Context, int) (int, error) { return 0, stages.ErrHandedBack },
			operator.DeadLetter[int](func(context.Context, *stages.ItemError) error { panic("asked") }))
		require.Len(t, r.failed, 4)
		require.Zero(t, r.ledger().Recovered)
		require.ErrorIs(t, r.failed[0], stages.ErrHandedBack)
	})
}

func TestPoliciesRefuseNoFunction(t *testing.T) {
	require.Error(t, validate(operator.OnError[int](nil)))
	require.Error(t, validate(operator.DeadLetter[int](nil)))
}

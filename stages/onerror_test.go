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

// thirds fails with errOdd, errFlaky or not at all.
func thirds(_ context.Context, v int) (int, error) {
	return v, []error{nil, errOdd, errFlaky}[v%3]
}

func TestAnErrorPolicyReplacesDropsOrLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked []any
		r := behindMap(t, Slice(upTo(7)), thirds, OnError(func(_ context.Context, e *ItemError) (int, error) {
			asked = append(asked, e.Value)
			require.Equal(t, "map", e.Stage)
			switch {
			case errors.Is(e, errFlaky):
				return -e.Value.(int), nil
			case e.Value == 1:
				return 0, ErrDrop
			}
			return 0, errGone
		}))
		require.Equal(t, []string{"0", "-2", "3", "!", "-5", "6"}, r.order)
		require.Equal(t, []any{1, 2, 4, 5}, asked)
		require.ErrorIs(t, r.failed[0], errGone)
		require.Equal(t, "map", r.failed[0].Stage, "the failure of the stage where it failed")
		require.Equal(t, 4, r.failed[0].Value)
		require.Equal(t, Ledger{In: 3, Recovered: 3, Out: 5, Filtered: 1}, r.ledger())
	})
}

func TestADeadLetterTakesWhatFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		full := errors.New("full")
		var dead []any
		r := behindMap(t, Slice(upTo(9)), thirds, DeadLetter[int](func(_ context.Context, e *ItemError) error {
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
	for name, s := range map[string]Stage[int, int]{
		"OnError":    OnError(func(context.Context, *ItemError) (int, error) { panic(errGone) }),
		"DeadLetter": DeadLetter[int](func(context.Context, *ItemError) error { panic(errGone) }),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := behindMap(t, Slice(upTo(6)), tenfold, s)
				require.Equal(t, []string{"0", "!", "20", "!", "40", "!"}, r.order)
				for _, f := range r.failed {
					require.ErrorIs(t, f, errGone)
				}
				require.NoError(t, r.err)
			})
		})
	}
}

// The item that a policy ended its goroutine for is still there, as are those behind
// it.
func TestAGoexitInAPolicyLosesNothing(t *testing.T) {
	for name, s := range map[string]Stage[int, int]{
		"OnError":    OnError(func(context.Context, *ItemError) (int, error) { runtime.Goexit(); return 0, nil }),
		"DeadLetter": DeadLetter[int](func(context.Context, *ItemError) error { runtime.Goexit(); return nil }),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := behindMap(t, Slice(upTo(6)), tenfold, s)
				require.NoError(t, r.err)
				require.Len(t, r.order, 6)
				require.ErrorIs(t, r.failed[0], errOdd)
				require.ErrorIs(t, r.failed[0], ErrGoexit)
			})
		})
	}
}

// After an abort a policy is still asked, with a context that is over: what it
// puts aside then is not lost.
func TestPoliciesSeeTheAbort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var dead []error
		r := behindMap(t, every(time.Second, 10), takes(0), DeadLetter[int](func(ctx context.Context, e *ItemError) error {
			dead = append(dead, e)
			return nil
		}), after(2500*time.Millisecond, abort))
		require.Equal(t, upTo(3), r.out)
		require.Empty(t, r.failed)
		require.Len(t, dead, int(r.nodes[0].Ledger().Out)-3)
	})
}

func TestPoliciesRefuseNoFunction(t *testing.T) {
	require.Error(t, OnError[int](nil).(Validator).Validate())
	require.Error(t, DeadLetter[int](nil).(Validator).Validate())
}

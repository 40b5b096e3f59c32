package operator_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/operator"
	"github.com/weir-go/weir/stages/source"
)

func TestReduceSendsOneResultAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, every(time.Second, 10), operator.Reduce(100, sum))
		require.Equal(t, []string{"!", "!", "127"}, r.order)
		require.Equal(t, stages.Ledger{In: 10, Out: 1, Folded: 6, Failed: 2, Filtered: 1}, r.ledger())
		require.Equal(t, 10*time.Second, r.times[2].Total(), "of the first item")
		require.Equal(t, int64(10), r.nodes[1].Effort().Attempts)
	})
}

func TestReduceOfNothingIsWhereItBegan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, source.Slice([]int{4}), operator.Reduce(100, sum))
		require.Equal(t, []string{"!", "100"}, r.order)
		require.Equal(t, stages.Ledger{In: 1, Derived: 1, Out: 1, Failed: 1}, r.ledger())
	})
}

func TestReduceTellsOnAStopWhatThereWas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, every(time.Second, 4), operator.Reduce(0, sum), after(2500*time.Millisecond, stop))
		require.Equal(t, []int{3}, r.out)
	})
}

// Half of a result is none.
func TestReduceFailsOnAnAbort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, every(time.Second, 4), operator.Reduce(0, sum), after(2500*time.Millisecond, abort))
		require.Empty(t, r.out)
		require.ErrorIs(t, r.failed[0], stages.ErrAborted)
		require.ErrorIs(t, r.failed[0], errGone)
	})
}

func TestReduceCallsForNoItemThatIsLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, false, operator.Reduce(0, func(ctx context.Context, n, v int) (int, error) {
			if v == 0 {
				<-ctx.Done()
				return 0, ctx.Err()
			}
			return n + v, nil
		}), nil, fed(source.Slice(upTo(3)), operator.Deadline[int](time.Second)))
		require.Equal(t, []string{"!", "!", "!", "0"}, r.order)
		require.Equal(t, int64(3), r.ledger().Expired)
		require.Equal(t, time.Second, r.took)
	})
}

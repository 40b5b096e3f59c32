package operator_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/operator"
	"github.com/weir-go/weir/stages/source"
)

// sum adds odd numbers up, cannot do so with 4, panics at 6 and drops 8.
func sum(_ context.Context, total, v int) (int, error) {
	switch v {
	case 4:
		return -1, errFlaky
	case 6:
		panic(errGone)
	case 8:
		return -1, stages.ErrDrop
	}
	return total + v, nil
}

func TestScanSendsEachState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, source.Slice(upTo(10)), operator.Scan(100, sum))
		require.Equal(t, []string{"100", "101", "103", "106", "!", "111", "!", "118", "127"}, r.order,
			"what fails, and what is dropped, leaves the state as it was")
		require.ErrorIs(t, r.failed[0], errFlaky)
		require.ErrorIs(t, r.failed[1], errGone)
		require.Equal(t, stages.Ledger{In: 10, Out: 7, Failed: 2, Filtered: 1}, r.ledger())
	})
}

// Each run has a state of its own, and no number of workers makes it two.
func TestScanBeginsAnewAndWorksAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := operator.Scan(0, func(_ context.Context, n, _ int) (int, error) { return n + 1, nil })
		for range 2 {
			r := through(t, source.Slice(upTo(1000)), s, func(rt *kernel.Run) {
				require.ErrorContains(t, rt.Nodes()[1].SetWorkers(4), "no workers")
			})
			require.Equal(t, 1000, r.out[999])
		}
	})
}

func TestScanAndReduceRefuseNoFunction(t *testing.T) {
	for _, s := range []any{operator.Scan[int](0, nil), operator.Reduce[int](0, nil)} {
		require.EqualError(t, s.(stages.Validator).Validate(), "function is nil")
	}
}

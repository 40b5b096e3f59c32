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

func TestTakeStopsTheIntake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, every(time.Second, 1000), operator.Take[int](3))
		require.Equal(t, upTo(3), r.out)
		require.Equal(t, 2*time.Second, r.took, "with the last of them, not with the one after")
		require.NoError(t, r.err)
	})
}

func TestTakeDropsWhatComesStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := behindMap(t, source.Slice(upTo(12)), func(ctx context.Context, v int) (int, error) {
			if v == 3 {
				time.Sleep(time.Second) // until the source has sent all: it stops when Take has enough
			}
			return thirds(ctx, v)
		}, operator.Take[int](2))
		require.Equal(t, []int{0, 3}, r.out)
		require.Equal(t, stages.Ledger{In: 4, Out: 2, Filtered: 2}, r.ledger())
		require.Len(t, r.failed, 8, "what has failed before is no business of it")
		require.Equal(t, upTo(5), through(t, source.Slice(upTo(5)), operator.Take[int](9)).out)
		require.Empty(t, through(t, source.Slice(upTo(5)), operator.Take[int](0)).out)
	})
}

func TestSkipDropsTheFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := behindMap(t, source.Slice(upTo(12)), thirds, operator.Skip[int](2))
		require.Equal(t, []int{6, 9}, r.out)
		require.Equal(t, stages.Ledger{In: 4, Out: 2, Filtered: 2}, r.ledger())
		require.Len(t, r.failed, 8)
		require.Empty(t, through(t, source.Slice(upTo(5)), operator.Skip[int](9)).out)
		require.Equal(t, upTo(500), through(t, source.Slice(upTo(500)), operator.Skip[int](0)).out)
	})
}

func TestTakeAndSkipRefuseLessThanNothing(t *testing.T) {
	require.EqualError(t, validate(operator.Take[int](-1)), "number of items to take must be at least 0, not -1")
	require.EqualError(t, validate(operator.Skip[int](-1)), "number of items to skip must be at least 0, not -1")
}

package flow_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
)

// A slow function must not make its neighbours wait, in an untimed run either.
func TestUntimedItemsDoNotWaitForTheirNeighbours(t *testing.T) {
	for _, workers := range []int{1, 8} {
		synctest.Test(t, func(t *testing.T) {
			const n, nap = 400, 10 * time.Millisecond
			var longest time.Duration
			begin := time.Now()
			src := make([]int, n)
			_, err := flow.From(stages.Slice(src)).
				Map("nap", func(context.Context, int) (int, error) {
					time.Sleep(nap)
					return int(time.Since(begin)), nil
				}, flow.Workers(workers), flow.Unordered()).
				ForEach(context.Background(), func(_ context.Context, done int) error {
					longest = max(longest, time.Since(begin)-time.Duration(done))
					return nil
				}, flow.Untimed())
			require.NoError(t, err)
			require.Less(t, longest, nap)
		})
	}
}

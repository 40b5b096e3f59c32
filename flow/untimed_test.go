package flow_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/source"
)

// A slow function must not make its neighbours wait, in an untimed run either.
func TestUntimedItemsDoNotWaitForTheirNeighbours(t *testing.T) {
	for _, workers := range []int{1, 8} {
		synctest.Test(t, func(t *testing.T) {
			const n, nap = 400, 10 * time.Millisecond
			var longest time.Duration
			begin := time.Now()
			src := make([]int, n)
			_, err := flow.From(source.Slice(src)).
				Map("nap", func(context.Context, int) (time.Duration, error) {
					time.Sleep(nap)
					return time.Since(begin), nil
				}, stages.Workers(workers), stages.Unordered()).
				ForEach(context.Background(), func(_ context.Context, done time.Duration) error {
					longest = max(longest, time.Since(begin)-done)
					return nil
				}, flow.Untimed())
			require.NoError(t, err)
			require.Less(t, longest, nap)
		})
	}
}

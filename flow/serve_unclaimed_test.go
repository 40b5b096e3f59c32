package flow_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/primitives/dedup"
	"github.com/weir-go/weir/primitives/retry"
)

// A call that succeeds after its caller has gone, because another caller waits for it, is expired in
// the books, and has waited since its caller came. The fault: it left the section and never arrived,
// and its wait was the age of the service.
func TestTheBooksOfACallWhoseCallerHasGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		s, err := flow.Serve(t.Context(), func(in *flow.Stream[int]) *flow.Stream[int] {
			return in.Dedup(dedup.Window(0), func(v int) int { return v }).
				Retry(retry.Constant(2, 10*time.Second)).
				Map("call", func(_ context.Context, v int) (int, error) {
					if calls++; calls == 1 {
						return 0, errFlaky
					}
					return v, nil
				})
		})
		require.NoError(t, err)
		time.Sleep(time.Hour)
		var wg sync.WaitGroup
		wg.Go(func() {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Second, cancel)
			assert.ErrorIs(t, s.Do(ctx, 1).Err, context.Canceled)
		})
		synctest.Wait() // the first one leads
		wg.Go(func() { assert.NoError(t, s.Do(t.Context(), 1).Err) })
		wg.Wait()
		report := closed(t, s)
		require.EqualValues(t, 1, report.Ledger.Out)
		require.EqualValues(t, 1, report.Ledger.Expired)
		stage, _ := report.Stage("call")
		require.Equal(t, 20*time.Second, stage.Effort.Wait)
	})
}

package flow_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
)

// SetWorkers changes how many calls of a service run, also while callers wait for a worker's place.
// The fault: new places stayed empty until a call ended, and a surplus call that ended was followed
// by another one.
func TestSetWorkersHoldsForCallersThatWait(t *testing.T) {
	for name, tt := range map[string]struct{ from, to int }{
		"more":  {1, 3},
		"fewer": {3, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var running atomic.Int64
				end := make(chan struct{})
				s, err := flow.Serve(t.Context(), func(in *flow.Stream[int]) *flow.Stream[int] {
					return in.Map("call", func(_ context.Context, v int) (int, error) {
						running.Add(1)
						defer running.Add(-1)
						<-end
						return v, nil
					}, stages.Workers(tt.from))
				})
				require.NoError(t, err)
				var wg sync.WaitGroup
				for v := range 10 {
					wg.Go(func() { assert.NoError(t, s.Do(t.Context(), v).Err) })
				}
				synctest.Wait()
				assert.EqualValues(t, tt.from, running.Load())
				require.NoError(t, s.SetWorkers("call", tt.to))
				for range tt.from - tt.to {
					end <- struct{}{}
				}
				synctest.Wait()
				assert.EqualValues(t, tt.to, running.Load())
				close(end)
				wg.Wait()
				require.EqualValues(t, 10, closed(t, s).Ledger.Out)
			})
		})
	}
}

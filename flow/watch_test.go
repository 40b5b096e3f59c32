package flow_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/primitives/retry"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/sink"
	"github.com/weir-go/weir/stages/source"
)

func discard(context.Context, int) error { return nil }

func TestWaitWaitsForWhatWatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nap := func(context.Context, int) error { time.Sleep(time.Second); return nil } // the run must not end before Watch
		r, err := flow.From(source.Slice(upTo(3))).To(sink.ForEach(nap)).Start(t.Context())
		require.NoError(t, err)
		saw := false
		require.True(t, r.Watch(func(done <-chan struct{}) {
			<-done
			time.Sleep(time.Second)
			saw = r.Snapshot().Ledger.Out == 3
		}))
		_, err = r.Wait()
		require.NoError(t, err)
		require.True(t, saw)
		require.False(t, r.Watch(func(<-chan struct{}) { t.Error("the run has ended") }))
	})
}

func TestTheRetryLayerTellsHowManyItemsAreAsleep(t *testing.T) {
	for name, end := range map[string]func(r *flow.Run){
		"they wake":         func(*flow.Run) {},
		"the flow drains":   func(r *flow.Run) { r.Stop() },
		"the flow aborts":   func(r *flow.Run) { r.Abort(errFlaky) },
		"they are given up": func(*flow.Run) { time.Sleep(time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fails := func(context.Context, int) (int, error) { return 0, errFlaky }
				drop := func(context.Context, *stages.ItemError) (int, error) { return 0, stages.ErrDrop }
				r, err := flow.From(source.Slice(upTo(5))).
					Retry(retry.Constant(3, time.Minute)).Map("fails", fails).OnError(drop).
					To(sink.ForEach(discard)).Start(t.Context())
				require.NoError(t, err)
				asleep := func() int {
					stage, _ := r.Snapshot().Stage("fails")
					return stage.Layers[0].(retry.Snapshot).Asleep
				}
				time.Sleep(time.Second)
				require.Equal(t, 5, asleep())
				end(r)
				_, _ = r.Wait()
				require.Zero(t, asleep())
			})
		})
	}
}

package section_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/dedup"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/retry"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/section"
	"github.com/weir-go/weir/stages/source"
)

// A Timeout outside of a dedup fails the item that leads a call as it fails all others. To a breaker
// outside it is a failure of the service, if a call was begun. The fault: the item was expired.
func TestATimeoutAroundADedupTimesTheLeaderOut(t *testing.T) {
	for name, tt := range map[string]struct {
		inside section.Layer
		state  breaker.State
	}{
		"in the call":         {section.Retry(retry.None()), breaker.Open},
		"waits for a permit":  {section.Guard(fullGuard(t)), breaker.Closed},
		"waits for a breaker": {section.Breaker(breaker.Consecutive("other", 1, time.Hour, breaker.Start(breaker.ForcedOpen)), stages.Hold()), breaker.Closed},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := fuse(t, 1, time.Hour)
				r := through(t, source.Slice([]int{1}), section.Map([]section.Layer{
					section.Breaker(b), section.Timeout(time.Second), section.Dedup(dedup.Window(0), func(v int) int { return v }), tt.inside,
				}, func(ctx context.Context, _ int) (int, error) { <-ctx.Done(); return 0, ctx.Err() }))
				require.Len(t, r.failed, 1)
				require.ErrorIs(t, r.failed[0], stages.ErrTimeout)
				require.NotErrorIs(t, r.failed[0], stages.ErrExpired)
				require.Equal(t, time.Second, r.took)
				require.Equal(t, tt.state, b.State())
			})
		})
	}
}

// fullGuard returns a guard without a free permit.
func fullGuard(t *testing.T) *guard.Guard {
	g, err := guard.New(guard.Limit(1))
	require.NoError(t, err)
	_, err = g.TryAcquire()
	require.NoError(t, err)
	return g
}

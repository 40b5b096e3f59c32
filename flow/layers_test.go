package flow_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/limiter"
	"github.com/weir-go/weir/primitives/retry"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/operator"
	"github.com/weir-go/weir/stages/section"
	"github.com/weir-go/weir/stages/sink"
	"github.com/weir-go/weir/stages/source"
)

// A stop ends the pace of a throttle, and keeps the rate of a service.
func TestADrainAndRates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		stop := make(chan struct{})
		time.AfterFunc(1500*time.Millisecond, func() { close(stop) })
		var rep flow.Report
		got, err := flow.From(source.Slice(upTo(10))).
			Throttle(limiter.Every(time.Second), nil).
			Guard(guard.Limit(20)).
			RateLimit(limiter.Every(100*time.Millisecond), nil).
			Map("call", same).
			Collect(t.Context(), flow.StopWhen(stop), flow.ReportTo(&rep))
		require.NoError(t, err)
		require.Equal(t, upTo(10), got)
		require.NoError(t, rep.Check())
		require.Equal(t, 2200*time.Millisecond, time.Since(begun), "2 items in a second, and then 8 at ten a second")
	})
}

func TestRatesAndHedgesAreValidatedWithTheFlow(t *testing.T) {
	g := flow.From(source.Slice(upTo(1))).
		Throttle(limiter.PerSecond(0), nil, stages.Name("slow")).
		Guard(guard.Limit(1)).RateLimit(limiter.PerSecond(1, limiter.Burst(0)), nil).Timeout(0).
		Map("call", same, stages.Hedge(retry.None())).
		To(sink.Append(&[]int{}))
	err := g.Validate()
	for _, want := range []string{`"slow"`, "rate 0 per second", `"call"`, "burst 0", "timeout must be positive", "without retry.Hedge"} {
		require.ErrorContains(t, err, want)
	}
}

// Timeouts per try and per item, and the deadline of the flow.
func TestTimesOfATryAnItemAndAFlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := func(ctx context.Context, _ int) (int, error) { <-ctx.Done(); return 0, ctx.Err() }
		tries := retry.Constant(9, time.Second)
		for name, tt := range map[string]struct {
			s        *flow.Stream[int]
			attempts int
			took     time.Duration
			err      error
		}{
			"per try": {flow.From(source.Slice([]int{1})).Retry(tries).Timeout(time.Second).
				Map("call", hang), 9, 17 * time.Second, stages.ErrTimeout},
			"and per item": {flow.From(source.Slice([]int{1})).Layer(section.Timeout(5*time.Second)).Retry(tries).Timeout(time.Second).
				Map("call", hang), 3, 5 * time.Second, stages.ErrTimeout},
			"and for the flow": {flow.From(source.Slice([]int{1})).Via("deadline", operator.Deadline[int](2500*time.Millisecond)).
				Layer(section.Timeout(5*time.Second)).Retry(tries).Timeout(time.Second).
				Map("call", hang), 2, 2500 * time.Millisecond, stages.ErrExpired},
		} {
			for r := range tt.s.Results(t.Context()) {
				require.ErrorIs(t, r.Err, tt.err, name)
				call, _ := r.Timings.Stage("call")
				require.Equal(t, tt.attempts, call.Attempts, name)
				require.Equal(t, tt.took, r.Timings.Total(), name)
			}
		}
	})
}

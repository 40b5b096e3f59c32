package flow_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/dedup"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/retry"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/sink"
	"github.com/weir-go/weir/stages/source"
)

func TestAllFaultsAreReportedTogether(t *testing.T) {
	g := flow.New()
	s := g.From(source.Slice(upTo(3)))
	s.Map("twice", same).Map("twice", same, stages.Workers(0)).
		Map[int]("none", nil).
		Guard(guard.Limit(0)).
		Dedup(dedup.Window(-1), func(v int) int { return v }).
		Breaker(breaker.Consecutive("b", 0, time.Second)).
		Retry(retry.Constant(0, 0)).
		Map("call", same).
		Batch(0, -1).
		Via[int]("nil", nil).
		To(nil)
	s.Map("second receiver", same)
	g.From[int](nil, stages.Name("empty")).Guard(nil)

	err := g.Validate()
	require.ErrorIs(t, err, flow.ErrGraph)
	for _, want := range []string{
		`stage "twice": 2 stages have this name`,
		`stage "twice": workers must be at least 1, not 0`,
		`stage "none": function is nil`,
		`stage "call": layer 1: guard`, `dedup`, `breaker`, `retry`,
		`stage "batch": batch size must be at least 1, not 0`,
		`stage "batch": batch delay is negative`,
		`stage "nil": it is nil`,
		`stage "sink": it is nil`,
		`stage "source": its stream has more than one receiver`,
		`stage "second receiver": its stream leads nowhere`,
		`stage "empty": it is nil`,
		`stage "empty": the section after it (guard) has no call`,
	} {
		require.ErrorContains(t, err, want)
	}
	_, runErr := g.Run(t.Context())
	require.EqualError(t, runErr, err.Error(), "nothing is started")
}

func TestAnEmptyGraphIsRefused(t *testing.T) {
	require.ErrorContains(t, flow.New().Validate(), "empty")
}

func TestBadRunOptionsAreRefused(t *testing.T) {
	g := flow.From(source.Slice(upTo(1))).To(sink.ForEach(func(context.Context, int) error { return nil }))
	_, err := g.Run(t.Context(), flow.DrainTimeout(0), flow.ReportTo(nil))
	require.ErrorContains(t, err, "drain timeout must be positive")
	require.ErrorContains(t, err, "the report of ReportTo is nil")
}

// Batch returns a stream of slices, which Go refuses as an instantiation cycle
// unless the slice is a type parameter of the method. It must also nest.
func TestBatchesNest(t *testing.T) {
	var s *flow.Stream[[][]int] = flow.From(source.Slice(upTo(5))).Batch(2, 0).Batch(2, 0)
	got, err := s.Collect(t.Context())
	require.NoError(t, err)
	require.Equal(t, [][][]int{{{0, 1}, {2, 3}}, {{4}}}, got)
}

func TestAGraphCanBeRunAgainAndAtTheSameTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := flow.From(source.Slice(upTo(100))).Map("same", same, stages.Workers(3))
		done := make(chan error)
		for range 3 {
			go func() {
				got, err := s.Collect(t.Context())
				if err == nil && len(got) != 100 {
					err = errFlaky
				}
				done <- err
			}()
		}
		for range 3 {
			require.NoError(t, <-done)
		}
	})
}

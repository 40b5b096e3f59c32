package flow_test

import (
	"context"
	"strings"
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

func TestCheckNamesEachStageThatDoesNotBalance(t *testing.T) {
	rep := flow.Report{Stages: []flow.StageReport{
		{Name: "good", Ledger: stages.Ledger{In: 3, Out: 2, Failed: 1}},
		{Name: "lossy", Ledger: stages.Ledger{In: 3, Out: 2}},
		{Name: "doubling", Ledger: stages.Ledger{In: 3, Out: 4}},
	}}
	err := rep.Check()
	require.ErrorContains(t, err, `stage "lossy": ledger is off by 1`)
	require.ErrorContains(t, err, `stage "doubling": ledger is off by -1`)
	require.NotContains(t, err.Error(), "good")
	require.NotContains(t, err.Error(), "run:")

	rep = flow.Report{Ledger: stages.Ledger{In: 1}}
	require.ErrorContains(t, rep.Check(), "run: ledger is off by 1")
}

func TestTheReportCountsTimesPerStage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		var rep flow.Report
		_, err := flow.From(source.Slice(upTo(10))).Map("slow", slow).Collect(t.Context(), flow.ReportTo(&rep))
		require.NoError(t, err)
		require.Equal(t, begun, rep.Started)
		require.Equal(t, 20*time.Millisecond, rep.Elapsed)
		stage, ok := rep.Stage("slow")
		require.True(t, ok)
		require.Equal(t, int64(10), stage.Effort.Attempts)
		require.Equal(t, 20*time.Millisecond, stage.Effort.Work)
		require.Equal(t, 2*time.Millisecond, stage.Effort.Longest)
		require.Equal(t, 90*time.Millisecond, stage.Effort.Wait, "0 + 2 + ... + 18 ms")
		_, ok = rep.Stage("nobody")
		require.False(t, ok)
		for _, want := range []string{"slow", "2ms", "9ms", "in 10 + ", "= out 10 + "} {
			require.Contains(t, rep.String(), want)
		}
	})
}

// Each way out of a flow has a column of its own in the ledger of the run.
func TestTheLedgerOfARunTellsWhatBecameOfEachItem(t *testing.T) {
	var rep flow.Report
	_, err := flow.From(source.Slice(upTo(40))).
		Filter("even", func(_ context.Context, v int) (bool, error) { return v%2 == 0, nil }).
		Map("tens", func(_ context.Context, v int) (int, error) {
			if v%10 == 0 {
				return 0, errFlaky
			}
			return v, nil
		}).
		OnError(func(_ context.Context, e *stages.ItemError) (int, error) {
			if e.Value == 0 {
				return 0, nil
			}
			return 0, errFlaky
		}).
		DeadLetter(func(context.Context, *stages.ItemError) error { return nil }).
		Batch(10, 0).
		Collect(t.Context(), flow.ReportTo(&rep))
	require.NoError(t, err)
	require.NoError(t, rep.Check())
	l := rep.Ledger
	require.Equal(t, int64(40), l.In)
	require.Equal(t, int64(20), l.Filtered)
	require.Equal(t, int64(3), l.DeadLettered)
	require.Equal(t, int64(2), l.Out, "17 items in two batches")
	require.Equal(t, int64(15), l.Folded)
	require.Equal(t, l.Failed, l.Recovered, "all that failed was taken up")
}

func TestSeveralStreamsInOneGraphShareAReport(t *testing.T) {
	g := flow.New()
	var kept []int
	g.From(source.Slice(upTo(5))).Map("a", same).To(sink.Append(&kept))
	s := g.From(source.Slice(upTo(7))).Map("b", same)
	var rep flow.Report
	got, err := s.Collect(t.Context(), flow.ReportTo(&rep))
	require.NoError(t, err)
	require.Equal(t, upTo(7), got)
	require.Equal(t, upTo(5), kept)
	require.Equal(t, int64(12), rep.Ledger.In)
	require.Equal(t, int64(12), rep.Ledger.Out)
	var names []string
	for _, s := range rep.Stages {
		names = append(names, s.Name)
	}
	require.Equal(t, []string{"source", "a", "sink", "source-2", "b", "results"}, names)
}

func TestTheReportShowsTheLayersOfASection(t *testing.T) {
	var rep flow.Report
	_, err := flow.From(source.Slice([]int{1, 1, 2})).
		Guard(guard.Limit(8)).Dedup(dedup.Window(time.Minute), func(v int) int { return v }).
		Breaker(breaker.Consecutive("service", 5, time.Second)).Retry(retry.Constant(2, time.Millisecond)).
		Map("call", same).Collect(t.Context(), flow.ReportTo(&rep))
	require.NoError(t, err)
	call, _ := rep.Stage("call")
	require.Len(t, call.Layers, 4)
	require.Equal(t, 8, call.Layers[0].(guard.Snapshot).Capacity)
	require.Equal(t, uint64(3), call.Layers[0].(guard.Snapshot).Admitted)
	require.Equal(t, "service", call.Layers[2].(breaker.Snapshot).Name)
}

func TestASnapshotShowsWhatIsInside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, err := flow.From(endless).Map("slow", slow).To(sink.ForEach(func(context.Context, int) error { return nil })).
			Start(t.Context())
		require.NoError(t, err)
		time.Sleep(101 * time.Millisecond)
		synctest.Wait()
		now := r.Snapshot()
		require.Equal(t, 101*time.Millisecond, now.Elapsed)
		require.InDelta(t, 51, now.Ledger.Balance(), 5, "half of what came since the stage is half as fast")
		require.ErrorContains(t, now.Check(), "run: ledger is off by")
		r.Stop()
		rep, err := r.Wait()
		require.NoError(t, err)
		require.NoError(t, rep.Check())
		again, err := r.Wait()
		require.NoError(t, err)
		require.Same(t, rep, again)
		require.Equal(t, 4, strings.Count(rep.String(), "\n")-1, "a line for each stage, and the heading")
	})
}

// What left a flow came into it before, at whatever moment one looks. No bubble: real parallelism is
// the point. The fault: sources were read before sinks, and what had passed meanwhile was missing.
func TestTheBalanceOfASnapshotIsNeverNegative(t *testing.T) {
	r, err := flow.From(source.Slice(upTo(200_000))).Map("m", same).To(sink.ForEach(ignore)).Start(t.Context())
	require.NoError(t, err)
	for looking := true; looking; {
		select {
		case <-r.Done():
			looking = false
		default:
		}
		require.GreaterOrEqual(t, r.Snapshot().Ledger.Balance(), int64(0))
	}
	rep, err := r.Wait()
	require.NoError(t, err)
	require.Zero(t, rep.Ledger.Balance())
}

package sink_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/sink"
)

func TestAsyncSettlesWhenDoneIsCalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &heard{n: 20}
		var sent []int
		var open, most atomic.Int64
		began := time.Now()
		report, err := flow.From(src).To(sink.Async(4, func(_ context.Context, v int, done func(error)) {
			sent = append(sent, v)
			most.Store(max(most.Load(), open.Add(1)))
			time.AfterFunc(time.Second, func() { open.Add(-1); done(nil); done(errors.New("does not count")) })
		})).Run(t.Context())
		require.NoError(t, err)
		require.NoError(t, report.Check())
		require.Equal(t, 5*time.Second, time.Since(began), "4 at a time")
		require.EqualValues(t, 4, most.Load())
		require.True(t, slices.IsSorted(sent))
		for _, err := range src.once(t) {
			require.NoError(t, err)
		}
	})
}

func TestAsyncFailsDropsAndHandsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &heard{n: 3}
		report, err := flow.From(src).To(sink.Async(8, func(_ context.Context, v int, done func(error)) {
			errs := []error{nil, stages.ErrDrop, stages.HandBack(time.Minute)}
			go func() { time.Sleep(time.Millisecond); done(errs[v]) }()
		})).Run(t.Context())
		require.NoError(t, err)
		require.NoError(t, report.Check())
		errs := src.once(t)
		require.NoError(t, errs[0])
		require.NoError(t, errs[1])
		after, back := stages.HandedBack(errs[2])
		require.True(t, back)
		require.Equal(t, time.Minute, after)
		last := report.Stages[len(report.Stages)-1].Ledger
		require.EqualValues(t, 1, last.Out)
		require.EqualValues(t, 1, last.Filtered)
		require.EqualValues(t, 1, last.HandedBack)
	})
}

func TestAnErrorOrAPanicOfAsyncStopsTheRun(t *testing.T) {
	full := errors.New("disk full")
	for name, publish := range map[string]func(context.Context, int, func(error)){
		"error": func(_ context.Context, _ int, done func(error)) { done(full) },
		"panic": func(context.Context, int, func(error)) { panic(full) },
	} {
		t.Run(name, func(t *testing.T) {
			src := &heard{n: 1}
			report, err := flow.From(src).To(sink.Async(2, publish)).Run(t.Context())
			require.ErrorIs(t, err, full)
			require.NoError(t, report.Check())
			require.ErrorIs(t, src.once(t)[0], full)
		})
	}
}

func TestAnAbortEndsTheContextOfAsync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		boom := errors.New("boom")
		src := &heard{n: 10}
		var pending sync.WaitGroup
		run, err := flow.From(src).To(sink.Async(4, func(ctx context.Context, _ int, done func(error)) {
			pending.Go(func() { <-ctx.Done(); done(ctx.Err()) })
		})).Start(t.Context())
		require.NoError(t, err)
		synctest.Wait()
		run.Abort(boom)
		report, err := run.Wait()
		pending.Wait()
		require.ErrorIs(t, err, boom)
		require.NoError(t, report.Check())
		for _, err := range src.once(t) {
			require.Error(t, err)
		}
	})
}

func TestAsyncThatIsSetUpWronglyIsNotValid(t *testing.T) {
	err := flow.From(&heard{}).To(sink.Async[int](0, nil)).Validate()
	require.ErrorContains(t, err, "must be at least 1, not 0")
	require.ErrorContains(t, err, "function is nil")
}

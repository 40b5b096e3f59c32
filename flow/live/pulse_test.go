package live

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/sink"
)

// ticking sends an item every 10 ms, and never at the moment of a frame: the order of two events at
// the same moment is not defined.
var ticking = stages.SourceFunc[int](func(ctx context.Context, out *stages.Outlet[int]) error {
	time.Sleep(5 * time.Millisecond)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			out.Emit(1)
		}
	}
})

func begin(t *testing.T) (*flow.Run, *pulse) {
	t.Helper()
	run, err := flow.From(ticking).To(sink.ForEach(func(context.Context, int) error { return nil })).Start(t.Context())
	require.NoError(t, err)
	p := newPulse(run, time.Second)
	require.True(t, run.Watch(p.work))
	return run, p
}

// A viewer that takes no frame holds up neither the run nor the viewers beside it, and has the
// newest frame when it comes back.
func TestASlowViewerMissesFrames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		run, p := begin(t)
		slow, _, _, err := p.join()
		require.NoError(t, err)
		quick, _, _, err := p.join()
		require.NoError(t, err)
		for range 20 {
			<-quick
		}
		synctest.Wait()
		require.Contains(t, string(<-slow), `"elapsed":20,`)
		require.Greater(t, run.Snapshot().Ledger.Out, int64(1990))
		run.Stop()
		_, err = run.Wait()
		require.NoError(t, err)
		require.Contains(t, string(<-slow), `"state":"ended"`, "the last frame is kept for it")
		_, more := <-slow
		require.False(t, more)
	})
}

func TestTheTimelineKeepsFiveMinutesWithoutViewers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		run, p := begin(t)
		time.Sleep(10*time.Minute + time.Millisecond)
		_, past, latest, err := p.join()
		require.NoError(t, err)
		require.Len(t, past.At, 300)
		require.Len(t, past.Age, 300)
		require.Equal(t, 299*time.Second, time.Duration(past.At[299]-past.At[0])*time.Millisecond)
		require.Equal(t, 100.0, past.Out[299])
		require.True(t, strings.HasPrefix(string(latest), "event: frame\ndata: {"))
		run.Abort(errors.New("enough"))
		_, _ = run.Wait()
	})
}

func TestAViewerOfARunThatHasEndedGetsTheLastFrame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		run, p := begin(t)
		time.Sleep(3 * time.Second)
		run.Abort(errors.New("enough"))
		_, _ = run.Wait()
		viewer, past, latest, err := p.join()
		require.NoError(t, err)
		require.NotEmpty(t, past.At)
		require.Contains(t, string(latest), `"state":"ended","error":"enough"`)
		_, more := <-viewer
		require.False(t, more)
		p.leave(viewer)
	})
}

func TestViewersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		run, p := begin(t)
		var last chan []byte
		for range maxViewers {
			viewer, _, _, err := p.join()
			require.NoError(t, err)
			last = viewer
		}
		_, _, _, err := p.join()
		require.ErrorIs(t, err, errCrowded)
		p.leave(last)
		_, _, _, err = p.join()
		require.NoError(t, err)
		run.Stop()
		_, _ = run.Wait()
	})
}

func TestTheDrainHasALength(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		run, err := flow.From(ticking).To(sink.ForEach(func(context.Context, int) error { <-gate; return nil })).
			Start(t.Context(), flow.DrainTimeout(time.Minute))
		require.NoError(t, err)
		p := newPulse(run, time.Second)
		run.Watch(p.work)
		viewer, _, _, err := p.join()
		require.NoError(t, err)
		time.Sleep(500 * time.Millisecond)
		run.Stop()
		for range 4 {
			<-viewer
		}
		require.Regexp(t, `"state":"draining","elapsed":5,"draining":4,"limit":60,"busy":\[{"stage":"sink"`, string(<-viewer))
		close(gate)
		_, err = run.Wait()
		require.NoError(t, err)
	})
}

// The ages on the timeline are those of the last ten seconds, and not those since the start.
func TestAgesAreThoseOfTheLastSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		took := new(atomic.Int64)
		took.Store(int64(time.Millisecond))
		run, err := flow.From(ticking).Map("slow", func(_ context.Context, v int) (int, error) {
			time.Sleep(time.Duration(took.Load()))
			return v, nil
		}, stages.Workers(64)).To(sink.ForEach(func(context.Context, int) error { return nil })).Start(t.Context(), flow.Distributions())
		require.NoError(t, err)
		p := newPulse(run, time.Second)
		require.True(t, run.Watch(p.work))
		time.Sleep(60*time.Second + 2*time.Millisecond)
		took.Store(int64(400 * time.Millisecond))
		time.Sleep(15 * time.Second)
		_, past, _, err := p.join()
		require.NoError(t, err)
		require.Len(t, past.P50, 75)
		require.InEpsilon(t, 0.001, *past.P50[59], 0.05)
		require.InEpsilon(t, 0.001, *past.P99[59], 0.05)
		require.InEpsilon(t, 0.4, *past.P50[74], 0.05)
		since, _ := run.Snapshot().Stage("sink")
		require.Less(t, since.Age.Quantile(0.5), 2*time.Millisecond, "since the start most were quick")
		run.Abort(errors.New("enough"))
		_, _ = run.Wait()
	})
}

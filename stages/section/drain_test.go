package section_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/retry"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/section"
	"github.com/weir-go/weir/stages/sink"
	"github.com/weir-go/weir/stages/source"
)

// flakyAt is a call that counts its tries by item. A try fails if fails returns true.
type flakyAt struct {
	mu    sync.Mutex
	tries map[int]int
	fails func(v, try int) bool
}

func newFlaky(fails func(v, try int) bool) *flakyAt {
	return &flakyAt{tries: map[int]int{}, fails: fails}
}

func (c *flakyAt) call(_ context.Context, v int) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tries[v]++
	if c.fails(v, c.tries[v]) {
		return 0, errFlaky
	}
	return v, nil
}

// patient is a retry whose waits take an hour each.
func patient(opts ...stages.RetryOption) section.Layer {
	return section.Retry(retry.Constant(9, time.Hour, retry.Cap(time.Hour)), opts...)
}

// lasting emits 0 to n-1 and waits until it is stopped.
func lasting(n int) stages.Source[int] {
	return stages.SourceFunc[int](func(ctx context.Context, out *stages.Outlet[int]) error {
		for i := range n {
			out.Emit(i)
		}
		<-ctx.Done()
		return nil
	})
}

// Items wait for their next try when the flow is stopped, half an hour after their first try.
func TestWhatWaitsForARetryAtAStop(t *testing.T) {
	const stopped = 30 * time.Minute
	first := func(_, try int) bool { return try == 1 }
	always := func(int, int) bool { return true }
	for name, tt := range map[string]struct {
		opts  []stages.RetryOption
		fails func(v, try int) bool
		took  time.Duration
		tries int
		err   error // nil: all succeed
	}{
		"is tried at once":                        {nil, first, stopped, 2, nil},
		"is tried at once, if that is the option": {[]stages.RetryOption{stages.OnDrain(stages.DrainRunNow)}, first, stopped, 2, nil},
		"is tried once more, and no more":         {nil, always, stopped, 2, stages.ErrDrained},
		"fails, if that is the option":            {[]stages.RetryOption{stages.OnDrain(stages.DrainFail)}, first, stopped, 1, stages.ErrDrained},
		"goes back, if that is the option":        {[]stages.RetryOption{stages.OnDrain(stages.DrainHandBack)}, first, stopped, 1, stages.ErrHandedBack},
		"waits on, if that is the option":         {[]stages.RetryOption{stages.OnDrain(stages.DrainWait)}, first, time.Hour, 2, nil},
		"waits on, and tries until it is beyond":  {[]stages.RetryOption{stages.OnDrain(stages.DrainWait)}, always, 8 * time.Hour, 9, retry.ErrGaveUp},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newFlaky(tt.fails)
				r := through(t, lasting(50), section.Map([]section.Layer{patient(tt.opts...)}, c.call, stages.Workers(3)), after(stopped, stop))
				require.NoError(t, r.err)
				require.Equal(t, tt.took, r.took)
				for v := range 50 {
					require.Equal(t, tt.tries, c.tries[v])
				}
				if tt.err == nil {
					require.Equal(t, upTo(50), r.out)
					return
				}
				require.Len(t, r.failed, 50)
				for _, f := range r.failed {
					require.ErrorIs(t, f, tt.err)
					require.ErrorIs(t, f, errFlaky)
					require.ErrorIs(t, f, retry.ErrGaveUp)
					require.Equal(t, tt.tries, f.Attempts)
				}
			})
		})
	}
}

// An item that fails for the first time while the flow drains does not wait.
func TestWhatFailsDuringADrainDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newFlaky(func(v, try int) bool { return v == 1 || try == 1 })
		r := through(t, lasting(2), section.Map([]section.Layer{patient()}, func(ctx context.Context, v int) (int, error) {
			time.Sleep(time.Minute)
			return c.call(ctx, v)
		}, stages.Workers(2)), after(time.Second, stop))
		require.Equal(t, []int{0}, r.out)
		require.ErrorIs(t, r.failed[0], stages.ErrDrained)
		require.Equal(t, 2*time.Minute, r.took)
	})
}

// The end of a source does not cut the waits short: it is no stop.
func TestAnEndIsNoStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newFlaky(func(_, try int) bool { return try == 1 })
		r := through(t, source.Slice(upTo(5)), section.Map([]section.Layer{patient(stages.OnDrain(stages.DrainFail))}, c.call))
		require.Equal(t, upTo(5), r.out)
		require.Equal(t, time.Hour, r.took)
	})
}

// The flow is aborted while the items are tried for the last time.
func TestAnAbortDuringADrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newFlaky(func(int, int) bool { return true })
		r := through(t, lasting(9), section.Map([]section.Layer{patient()}, func(ctx context.Context, v int) (int, error) {
			if c.tries[v] > 0 {
				<-ctx.Done()
			}
			return c.call(ctx, v)
		}), after(time.Minute, stop), after(2*time.Minute, abort))
		require.Len(t, r.failed, 9)
		require.Equal(t, 2*time.Minute, r.took)
	})
}

// An item that is handed back goes past the error policies to its source. It is no fault of the
// run, although the sink takes no failures.
func TestWhatIsHandedBackComesToItsSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &acked{n: 4, lasts: true}
		odd := newFlaky(func(v, _ int) bool { return v%2 == 1 })
		asked := 0
		var got []int
		r, err := flow.From(src).Layer(patient(stages.OnDrain(stages.DrainHandBack))).Map("call", odd.call).
			OnError(func(context.Context, *stages.ItemError) (int, error) { asked++; return 0, errGone }).
			DeadLetter(func(context.Context, *stages.ItemError) error { asked++; return nil }).
			To(sink.Append(&got)).Start(t.Context())
		require.NoError(t, err)
		time.Sleep(time.Minute)
		r.Stop()
		rep, err := r.Wait()
		require.NoError(t, err)
		require.NoError(t, rep.Check())
		require.Equal(t, []int{0, 2}, got)
		require.Zero(t, asked)
		for v, err := range src.once(t) {
			if v%2 == 0 {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, stages.ErrHandedBack)
			}
		}
	})
}

// If no source waits for an item that is handed back, it is a fault of the run.
func TestWhatCannotBeHandedBackFailsTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, err := flow.From(lasting(1)).Layer(patient(stages.OnDrain(stages.DrainHandBack))).Map("call", fails).
			To(sink.Append(&[]int{})).Start(t.Context())
		require.NoError(t, err)
		time.Sleep(time.Minute)
		r.Stop()
		_, err = r.Wait()
		require.ErrorIs(t, err, stages.ErrHandedBack)
	})
}

// A breaker around a retry hears of a drain, and ignores it.
func TestADrainIsNoFailureOfTheService(t *testing.T) {
	for _, drain := range []stages.Drain{stages.DrainFail, stages.DrainHandBack} {
		synctest.Test(t, func(t *testing.T) {
			b := fuse(t, 1, time.Hour)
			r := through(t, lasting(5), section.Map([]section.Layer{section.Breaker(b), patient(stages.OnDrain(drain))}, fails), after(time.Minute, stop))
			require.Len(t, r.failed, 5)
			require.Equal(t, breaker.Closed, b.State())
			require.Zero(t, b.Snapshot().Failures)
		})
	}
}

func TestAnUnknownDrainIsRefused(t *testing.T) {
	err := validate(section.Map([]section.Layer{section.Retry(retry.Constant(1, time.Second), stages.OnDrain(7))}, same))
	require.ErrorContains(t, err, "there is no drain mode 7")
	require.Equal(t, "hand back", stages.DrainHandBack.String())
}

// hoarder is a layer that keeps what it gets until the intake stops.
type hoarder struct {
	port *section.Port[int]
	all  []*section.Exchange[int]
}

func (h *hoarder) Open(p *section.Port[int]) (section.Handler[int], error) {
	return &hoarder{port: p}, nil
}
func (h *hoarder) Request(x *section.Exchange[int])          { h.all = append(h.all, x) }
func (h *hoarder) Response(x *section.Exchange[int])         { h.port.Up(x) }
func (h *hoarder) Leave(x *section.Exchange[int], why error) { x.Reject(why) }

func (h *hoarder) Drain() {
	for _, x := range h.all {
		h.port.Down(x)
	}
}

func TestACustomLayerHearsThatTheIntakeHasStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		called := 0
		run, err := flow.From(lasting(3)).Layer(section.Use(&hoarder{})).
			Map("call", func(_ context.Context, v int) (int, error) { called++; return v, nil }).
			To(sink.ForEach(func(context.Context, int) error { return nil })).Start(t.Context())
		require.NoError(t, err)
		time.Sleep(time.Hour)
		require.Zero(t, called)
		run.Stop()
		rep, err := run.Wait()
		require.NoError(t, err)
		require.Equal(t, int64(3), rep.Ledger.Out)
	})
}

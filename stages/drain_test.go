package stages

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/retry"
)

// flakyAt is a call that counts its tries by item and fails those that fail says.
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

// patient is a retry that takes days.
func patient(opts ...Option) Layer[int] {
	return Retry[int](retry.Constant(9, time.Hour, retry.Cap(time.Hour)), opts...)
}

// lasting emits 0 to n-1 and waits until it is stopped.
func lasting(n int) Source[int] {
	return SourceFunc[int](func(ctx context.Context, out *Outlet[int]) error {
		for i := range n {
			out.Emit(i)
		}
		<-ctx.Done()
		return nil
	})
}

// collect is a sink that takes no failures.
func collect(got *[]int) Sink[int] {
	return ForEach(func(_ context.Context, v int) error {
		*got = append(*got, v)
		return nil
	})
}

// What waits for its next try at a stop: half an hour after the first try of all.
func TestWhatWaitsForARetryAtAStop(t *testing.T) {
	const stopped = 30 * time.Minute
	first := func(_, try int) bool { return try == 1 }
	always := func(int, int) bool { return true }
	for name, tt := range map[string]struct {
		opts  []Option
		fails func(v, try int) bool
		took  time.Duration
		tries int
		err   error // nil: all succeed
	}{
		"is tried at once":                       {nil, first, stopped, 2, nil},
		"is tried at once, as one may say":       {[]Option{OnDrain(DrainRunNow)}, first, stopped, 2, nil},
		"is tried once more, and no more":        {nil, always, stopped, 2, ErrDrained},
		"fails, where the policy is to fail":     {[]Option{OnDrain(DrainFail)}, first, stopped, 1, ErrDrained},
		"goes back, where that is the policy":    {[]Option{OnDrain(DrainHandBack)}, first, stopped, 1, ErrHandedBack},
		"waits on, where that is the policy":     {[]Option{OnDrain(DrainWait)}, first, time.Hour, 2, nil},
		"waits on, and tries until it is beyond": {[]Option{OnDrain(DrainWait)}, always, 8 * time.Hour, 9, retry.ErrGaveUp},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newFlaky(tt.fails)
				r := through(t, lasting(50), Section([]Layer[int]{patient(tt.opts...)}, c.call, Workers(3)), after(stopped, stop))
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

// What fails for the first time while the flow drains does not wait, either.
func TestWhatFailsDuringADrainDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newFlaky(func(v, try int) bool { return v == 1 || try == 1 })
		r := through(t, lasting(2), Section([]Layer[int]{patient()}, func(ctx context.Context, v int) (int, error) {
			time.Sleep(time.Minute)
			return c.call(ctx, v)
		}, Workers(2)), after(time.Second, stop))
		require.Equal(t, []int{0}, r.out)
		require.ErrorIs(t, r.failed[0], ErrDrained)
		require.Equal(t, 2*time.Minute, r.took)
	})
}

// A source that ends by itself leaves the waits alone.
func TestAnEndIsNoStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newFlaky(func(_, try int) bool { return try == 1 })
		r := through(t, Slice(upTo(5)), Section([]Layer[int]{patient(OnDrain(DrainFail))}, c.call))
		require.Equal(t, upTo(5), r.out)
		require.Equal(t, time.Hour, r.took)
	})
}

// An abort while what waited is tried for the last time.
func TestAnAbortDuringADrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newFlaky(func(int, int) bool { return true })
		r := through(t, lasting(9), Section([]Layer[int]{patient()}, func(ctx context.Context, v int) (int, error) {
			if c.tries[v] > 0 {
				<-ctx.Done()
			}
			return c.call(ctx, v)
		}), after(time.Minute, stop), after(2*time.Minute, abort))
		require.Len(t, r.failed, 9)
		require.Equal(t, 2*time.Minute, r.took)
	})
}

// What is handed back goes past the error policies to its source, and is no fault of
// the run, whose sink takes no failures.
func TestWhatIsHandedBackComesToItsSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		said := map[int]error{}
		src := SourceFunc[int](func(ctx context.Context, out *Outlet[int]) error {
			for i := range 4 {
				out.EmitAcked(func(err error) {
					mu.Lock()
					defer mu.Unlock()
					said[i] = err
				}, i)
			}
			<-ctx.Done()
			return nil
		})
		rt := NewRuntime(t.Context(), false, "source", "section", "policy", "letters", "sink")
		defer rt.Close()
		n := rt.Nodes()
		out1, in1 := Link[int](rt, n[0], n[1], 16)
		out2, in2 := Link[int](rt, n[1], n[2], 16)
		out3, in3 := Link[int](rt, n[2], n[3], 16)
		out4, in4 := Link[int](rt, n[3], n[4], 16)
		odd := newFlaky(func(v, _ int) bool { return v%2 == 1 })
		var wg sync.WaitGroup
		wg.Go(func() { RunSource(src, out1) })
		wg.Go(func() { RunStage(Section([]Layer[int]{patient(OnDrain(DrainHandBack))}, odd.call), in1, out2) })
		wg.Go(func() {
			RunStage(OnError(func(context.Context, *ItemError) (int, error) { return 0, errors.New("asked") }), in2, out3)
		})
		wg.Go(func() {
			RunStage(DeadLetter[int](func(context.Context, *ItemError) error { return errors.New("kept") }), in3, out4)
		})
		var got []int
		wg.Go(func() { RunSink(collect(&got), in4) })
		time.Sleep(time.Minute)
		rt.Stop()
		wg.Wait()
		require.NoError(t, rt.Err())
		require.Equal(t, []int{0, 2}, got)
		for v := range 4 {
			if v%2 == 0 {
				require.NoError(t, said[v])
			} else {
				require.ErrorIs(t, said[v], ErrHandedBack)
			}
		}
		for _, node := range n {
			require.NoError(t, node.Ledger().Check())
		}
	})
}

// Where no source waits for it, nobody would hear of it but the run.
func TestWhatCannotBeHandedBackFailsTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := NewRuntime(t.Context(), false, "source", "section", "sink")
		defer rt.Close()
		n := rt.Nodes()
		out1, in1 := Link[int](rt, n[0], n[1], 16)
		out2, in2 := Link[int](rt, n[1], n[2], 16)
		var wg sync.WaitGroup
		var got []int
		wg.Go(func() { RunSource(lasting(1), out1) })
		wg.Go(func() { RunStage(Section([]Layer[int]{patient(OnDrain(DrainHandBack))}, fails), in1, out2) })
		wg.Go(func() { RunSink(collect(&got), in2) })
		time.Sleep(time.Minute)
		rt.Stop()
		wg.Wait()
		require.ErrorIs(t, rt.Err(), ErrHandedBack)
	})
}

// A stopped flow says nothing about the service, to a breaker around the retry.
func TestADrainIsNoFailureOfTheService(t *testing.T) {
	for _, err := range []error{ErrDrained, ErrHandedBack} {
		var s *sentinel
		require.ErrorAs(t, err, &s)
		require.Equal(t, ErrAborted.(*sentinel).Outcome(), s.Outcome())
	}
}

func TestAnUnknownDrainIsRefused(t *testing.T) {
	err := Retry[int](retry.Constant(1, time.Second), OnDrain(7)).(Validator).Validate()
	require.EqualError(t, err, "unknown drain Drain(7)")
	require.Equal(t, "hand back", DrainHandBack.String())
}

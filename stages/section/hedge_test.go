package section_test

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/outcome"
	"github.com/weir-go/weir/primitives/retry"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/operator"
	"github.com/weir-go/weir/stages/section"
	"github.com/weir-go/weir/stages/source"
)

// twice is a hedge of one more copy after a second.
func twice(opts ...retry.Option) retry.Policy {
	return retry.None(append(opts, retry.Hedge(time.Second, 2))...)
}

// hedgeable are the stages that take the option.
func hedgeable(f func(context.Context, int) (int, error), opts ...stages.MapOption) map[string]stages.Stage[int, int] {
	return map[string]stages.Stage[int, int]{"Map": operator.Map(f, opts...), "Section": section.Map(nil, f, opts...)}
}

// racer is a call whose first copy hangs, until it is cancelled.
type racer struct{ begun, cancelled, running atomic.Int32 }

func (r *racer) call(ctx context.Context, v int) (int, error) {
	r.running.Add(1)
	defer r.running.Add(-1)
	if r.begun.Add(1)%2 == 0 {
		return 10 * v, nil
	}
	<-ctx.Done()
	r.cancelled.Add(1)
	return 0, ctx.Err()
}

func TestAHedgeAnswersForACallThatHangs(t *testing.T) {
	hang := &racer{}
	for name := range hedgeable(hang.call) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hang := &racer{}
				r := through(t, source.Slice(upTo(3)), hedgeable(hang.call, stages.Hedge(twice()))[name])
				require.Equal(t, []int{0, 10, 20}, r.out)
				require.Equal(t, 3*time.Second, r.took, "the worker is held")
				require.EqualValues(t, 3, hang.cancelled.Load(), "the loser's context ended")
				require.Zero(t, hang.running.Load())
				require.Equal(t, 1, r.timing(0).Attempts)
				require.Equal(t, time.Second, r.timing(0).Work)
				require.Equal(t, uint64(3), r.nodes[1].Observed()[0].(retry.Snapshot).Hedges)
			})
		})
	}
}

// All copies together are one call to the layers: the loser counts for nothing.
func TestAHedgesLoserCountsForNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := fuse(t, 1, time.Hour)
		tries, err := retry.New(retry.Constant(3, time.Second))
		require.NoError(t, err)
		hang := &racer{}
		r := through(t, source.Slice(upTo(4)), section.Map([]section.Layer{section.Breaker(b), section.Retry(tries)}, hang.call, stages.Hedge(twice())))
		require.Len(t, r.out, 4)
		require.Equal(t, breaker.Closed, b.State())
		require.Equal(t, uint64(4), tries.Snapshot().Attempts)
		require.Zero(t, tries.Snapshot().Retries)
	})
}

// What the function says is what the layers outside hear.
func TestAHedgedFailureIsTheFunctionsOwn(t *testing.T) {
	for name, tt := range map[string]struct {
		err   error
		calls int32
	}{
		"a failure is tried again":        {errFlaky, 3},
		"a permanent one is not":          {outcome.AsPermanent(errFlaky), 1},
		"one that says when to come back": {outcome.AsThrottled(errFlaky, time.Minute), 3},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var calls atomic.Int32
				f := func(context.Context, int) (int, error) { calls.Add(1); return 0, tt.err }
				r := through(t, source.Slice([]int{1}), section.Map([]section.Layer{section.Retry(retry.Constant(3, time.Second))}, f, stages.Hedge(twice())))
				require.Equal(t, tt.calls, calls.Load())
				require.ErrorIs(t, r.failed[0], errFlaky)
				var e *retry.Error
				require.ErrorAs(t, r.failed[0], &e)
				require.Equal(t, int(tt.calls), e.Attempts)
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		for name, s := range hedgeable(func(_ context.Context, v int) (int, error) { return v, stages.ErrDrop }, stages.Hedge(twice())) {
			require.Equal(t, int64(4), through(t, source.Slice(upTo(4)), s).ledger().Filtered, name)
		}
		for name, s := range hedgeable(fails, stages.Hedge(twice())) {
			require.Equal(t, errFlaky, through(t, source.Slice(upTo(1)), s).failed[0].Err, name)
		}
	})
}

func TestATimeoutIsOfAllCopies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var begun atomic.Int32
		f := func(ctx context.Context, _ int) (int, error) { begun.Add(1); <-ctx.Done(); return 0, ctx.Err() }
		r := through(t, source.Slice([]int{1}), section.Map([]section.Layer{section.Timeout(1500 * time.Millisecond)}, f, stages.Hedge(twice())))
		require.ErrorIs(t, r.failed[0], stages.ErrTimeout)
		require.EqualValues(t, 2, begun.Load())
		require.Equal(t, 1500*time.Millisecond, r.took)
	})
}

func TestAnAbortEndsAllCopies(t *testing.T) {
	for name := range hedgeable(same) {
		synctest.Test(t, func(t *testing.T) {
			var begun, ended atomic.Int32
			f := func(ctx context.Context, _ int) (int, error) {
				begun.Add(1)
				defer ended.Add(1)
				<-ctx.Done()
				return 0, ctx.Err()
			}
			r := through(t, source.Slice(upTo(3)), hedgeable(f, stages.Hedge(twice()))[name], after(time.Minute, abort))
			require.Len(t, r.failed, 3)
			require.Equal(t, time.Minute, r.took)
			require.EqualValues(t, 2, begun.Load())
			require.EqualValues(t, 2, ended.Load())
		})
	}
}

// A copy of another goroutine that panics, or ends it, fails the item as the
// function's own would.
func TestACopyThatPanics(t *testing.T) {
	for name := range hedgeable(same) {
		synctest.Test(t, func(t *testing.T) {
			var begun atomic.Int32
			f := func(ctx context.Context, v int) (int, error) {
				switch begun.Add(1) {
				case 2:
					panic("copy")
				case 4:
					runtime.Goexit()
				}
				<-ctx.Done()
				return v, ctx.Err()
			}
			r := through(t, source.Slice(upTo(2)), hedgeable(f, stages.Hedge(twice()))[name])
			var p *stages.PanicError
			require.ErrorAs(t, r.failed[0], &p)
			require.Equal(t, "stage", p.Stage)
			require.ErrorContains(t, r.failed[0], "copy")
			require.ErrorIs(t, r.failed[1], stages.ErrGoexit)
		})
	}
}

func TestHedgeRefusesWhatIsWrong(t *testing.T) {
	for want, source := range map[string]retry.Source{
		"hedge is nil":               nil,
		"made without retry.Hedge":   retry.Constant(3, time.Second),
		"hedge is after 0s":          retry.None(retry.Hedge(0, 2)),
		"nil *Retrier":               (*retry.Retrier)(nil),
		"invalid policy":             retry.Policy{},
		"policy is made without ret": retry.None(retry.Hedge(time.Second, 1)),
	} {
		for name, s := range hedgeable(same, stages.Hedge(source)) {
			require.ErrorContains(t, s.(stages.Validator).Validate(), want, name)
		}
	}
	require.NoError(t, operator.Map(same, stages.Hedge(twice())).(stages.Validator).Validate())
}

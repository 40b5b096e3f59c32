package section_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/primitives/outcome"
	"github.com/weir-go/weir/primitives/retry"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/section"
	"github.com/weir-go/weir/stages/source"
)

// retrying is a section with retries around f, from outside to inside.
func retrying(f func(context.Context, int) (int, error), sources ...retry.Source) stages.Stage[int, int] {
	var layers []section.Layer
	for _, s := range sources {
		layers = append(layers, section.Retry(s))
	}
	return section.Map(layers, f)
}

// The first items come at the very beginning of the run, which is a time like
// any other.
func TestRetryLayerGivesUpAfterMaxElapsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		policy := retry.Constant(99, 10*time.Second, retry.MaxElapsed(25*time.Second))
		r := through(t, every(time.Minute, 3), retrying(fails, policy))
		require.Len(t, r.failed, 3)
		for i, f := range r.failed {
			var e *retry.Error
			require.ErrorAs(t, f, &e)
			require.Equal(t, retry.Elapsed, e.Reason)
			require.Equal(t, 3, e.Attempts, "after 0, 10 and 20 s")
			require.Equal(t, 20*time.Second, r.times[i].Total())
		}
	})
}

// The layer tells the policy how long each item really waited.
func TestRetryLayerRemembersTheWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		asked := map[int][]time.Duration{}
		doubled := func(attempt int, previous time.Duration) time.Duration {
			mu.Lock()
			defer mu.Unlock()
			asked[attempt] = append(asked[attempt], previous)
			return max(2*previous, time.Second)
		}
		r := through(t, source.Slice(upTo(5)), retrying(fails, retry.Custom(4, doubled)))
		require.Len(t, r.failed, 5)
		require.Equal(t, 7*time.Second, r.took)
		for attempt, previous := range []time.Duration{0, time.Second, 2 * time.Second} {
			require.Equal(t, []time.Duration{previous, previous, previous, previous, previous}, asked[attempt+1])
		}
	})
}

// The fault: two layers of three attempts made nine calls.
func TestRetryLayersDoNotMultiply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		call := func(context.Context, int) (int, error) { calls.Add(1); return 0, errFlaky }
		three := retry.Constant(3, time.Second)
		r := through(t, source.Slice(upTo(10)), retrying(call, three, three))
		require.EqualValues(t, 30, calls.Load())
		for _, f := range r.failed {
			var e *retry.Error
			require.ErrorAs(t, f, &e)
			require.Equal(t, retry.Nested, e.Reason)
			require.ErrorIs(t, f, errFlaky)
		}
	})
}

// Two sections that call the same service share what may be tried again.
func TestRetryLayersShareABudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, err := retry.NewBudget(0.1, 0, 1)
		require.NoError(t, err)
		policy := retry.Constant(9, time.Second, retry.WithBudget(b))
		for range 2 {
			through(t, source.Slice(upTo(50)), retrying(fails, policy))
		}
		s := b.Snapshot()
		require.InDelta(t, 11, float64(s.Retries), 1, "a tenth of 100 calls, and one at the start")
		require.EqualValues(t, 100, s.Refused)
	})
}

func TestRetryLayerRefusesHedges(t *testing.T) {
	hedged := retry.Constant(3, time.Second, retry.Hedge(time.Second, 2))
	shared, err := hedged.Retrier()
	require.NoError(t, err)
	for _, source := range []retry.Source{hedged, shared} {
		require.ErrorContains(t, retrying(fails, source).(stages.Validator).Validate(), "a retry layer cannot hedge")
	}
}

// A retrier that the function itself uses has tried again already.
func TestARetryInsideTheCallIsEnough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner, err := retry.New(retry.Constant(3, time.Second))
		require.NoError(t, err)
		calls := 0
		r := through(t, source.Slice([]int{1}), retrying(func(ctx context.Context, _ int) (int, error) {
			return inner.Do(ctx, func(context.Context) (int, error) { calls++; return 0, errFlaky })
		}, retry.Constant(3, time.Second)))
		require.Equal(t, 3, calls)
		var e *retry.Error
		require.ErrorAs(t, r.failed[0], &e)
		require.Equal(t, retry.Nested, e.Reason)
	})
}

// The fault: what waited for its next try when the flow was aborted did not say
// why it had waited, and was missing in the retrier's books.
func TestAnAbortIsToldToTheRetrier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries, err := retry.New(retry.Constant(5, time.Minute, retry.Name("api")))
		require.NoError(t, err)
		r := through(t, source.Slice(upTo(10)), retrying(fails, tries), after(90*time.Second, abort))
		require.Len(t, r.failed, 10)
		for _, f := range r.failed {
			require.ErrorIs(t, f, stages.ErrAborted)
			require.ErrorIs(t, f, errGone)
			require.ErrorIs(t, f, errFlaky)
			var e *retry.Error
			require.ErrorAs(t, f, &e)
			require.Equal(t, retry.Abandoned, e.Reason)
			require.Equal(t, 2, e.Attempts)
		}
		s := tries.Snapshot()
		require.Equal(t, uint64(10), s.Calls)
		require.Equal(t, uint64(10), s.Abandoned)
	})
}

// The retrier's classifier is user code: at the abort, too.
func TestAnAbortWithABrokenClassifier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var armed atomic.Bool
		tries := retry.Constant(5, time.Minute, retry.Classify(func(ctx context.Context, err error) outcome.Outcome {
			if armed.Load() {
				panic("classifier")
			}
			return outcome.Classify(ctx, err)
		}))
		r := through(t, source.Slice(upTo(10)), retrying(fails, tries), after(time.Second, func(rt *kernel.Run) {
			armed.Store(true)
			abort(rt)
		}))
		require.Len(t, r.failed, 10)
		require.ErrorContains(t, r.err, "classifier")
	})
}

package section_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/retry"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/operator"
	"github.com/weir-go/weir/stages/section"
	"github.com/weir-go/weir/stages/source"
)

// dated puts a Deadline of d before the stage.
func dated[O any](t *testing.T, untimed bool, d time.Duration, src stages.Source[int], s stages.Stage[int, O]) *rig[int, O] {
	t.Helper()
	stage := operator.Deadline[int](d)
	require.NoError(t, stage.(stages.Validator).Validate())
	return run(t, untimed, s, nil, fed(src, stage))
}

func TestAnItemThatIsLateIsNotWorkedOn(t *testing.T) {
	for name, s := range map[string]stages.Stage[int, int]{
		"Map":            operator.Map(dawdle(time.Second)),
		"several":        operator.Map(dawdle(2*time.Second), stages.Workers(2)),
		"section":        section.Map(nil, dawdle(time.Second)),
		"section layers": section.Map(documented(), dawdle(time.Second)),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := dated(t, false, 3500*time.Millisecond, source.Slice(upTo(8)), s)
				require.Equal(t, 3500*time.Millisecond, r.took)
				require.Equal(t, int64(len(r.failed)), r.ledger().Expired)
				for _, f := range r.failed {
					require.ErrorIs(t, f, stages.ErrExpired)
					require.ErrorIs(t, f, context.DeadlineExceeded)
				}
				require.Zero(t, r.failed[len(r.failed)-1].Attempts, "it was not begun")
				require.Equal(t, upTo(len(r.out)), r.out)
				require.Contains(t, []int{2, 3}, len(r.out))
			})
		})
	}
}

// A deadline that passes during a call is a failure of the service. The items whose calls were
// not begun say nothing.
func TestADeadlineThatPassesDuringACallIsAFailureOfTheService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := fuse(t, 3, time.Hour)
		r := dated(t, false, time.Second, source.Slice(upTo(8)), section.Map([]section.Layer{section.Breaker(b)}, dawdle(time.Minute), stages.Workers(2)))
		require.Len(t, r.failed, 8)
		require.Equal(t, int64(8), r.ledger().Expired)
		require.Equal(t, breaker.Closed, b.State())
		require.Equal(t, 2, b.Snapshot().Failures)
		r = dated(t, false, time.Second, every(2*time.Second, 4), section.Map([]section.Layer{section.Breaker(b)}, dawdle(time.Minute)))
		require.Equal(t, breaker.Open, b.State())
		require.Equal(t, 3, rejections(r))
	})
}

func TestARetryDoesNotWaitBeyondTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := dated(t, false, 10*time.Second, source.Slice([]int{1}), section.Map([]section.Layer{section.Retry(retry.Constant(9, 6*time.Second))}, fails))
		require.Equal(t, 6*time.Second, r.took, "the third try would come at 12 s")
		require.ErrorIs(t, r.failed[0], errFlaky)
		require.Equal(t, 2, r.failed[0].Attempts)
	})
}

func TestDeadlinesRefuseNothing(t *testing.T) {
	require.Error(t, operator.Deadline[int](0).(stages.Validator).Validate())
	require.Error(t, section.Map([]section.Layer{section.Timeout(-1)}, same).(stages.Validator).Validate())
}

func TestATimeoutEndsACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := fuse(t, 2, time.Hour)
		r := through(t, source.Slice(upTo(4)), section.Map([]section.Layer{section.Breaker(b), section.Timeout(time.Second)}, dawdle(time.Minute), stages.Workers(4)))
		require.Equal(t, time.Second, r.took)
		for _, f := range r.failed {
			require.ErrorIs(t, f, stages.ErrTimeout)
			require.Equal(t, 1, f.Attempts)
		}
		require.Equal(t, breaker.Open, b.State(), "it is a failure of the service")
		require.Equal(t, int64(4), r.ledger().Failed, "and no expired item")
	})
}

// Inside a retry a timeout is of each try, around it of all of them.
func TestTheOrderOfTimeoutAndRetry(t *testing.T) {
	tries := retry.Constant(5, time.Second)
	for name, tt := range map[string]struct {
		layers   []section.Layer
		attempts int
		took     time.Duration
	}{
		"timeout inside":  {[]section.Layer{section.Retry(tries), section.Timeout(3 * time.Second)}, 5, 19 * time.Second},
		"timeout outside": {[]section.Layer{section.Timeout(3 * time.Second), section.Retry(tries)}, 1, 3 * time.Second},
		"both":            {[]section.Layer{section.Timeout(6 * time.Second), section.Retry(tries), section.Timeout(3 * time.Second)}, 2, 6 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := through(t, source.Slice([]int{1}), section.Map(tt.layers, dawdle(time.Minute)))
				require.ErrorIs(t, r.failed[0], stages.ErrTimeout)
				require.Equal(t, tt.attempts, r.failed[0].Attempts)
				require.Equal(t, tt.took, r.took)
			})
		})
	}
}

// A call whose time has passed while it waited for a worker is not made.
func TestACallThatIsTooLateIsNotMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, source.Slice(upTo(3)), section.Map([]section.Layer{section.Timeout(1500 * time.Millisecond)}, takes(time.Second)))
		require.Equal(t, []int{0, 1}, r.out, "a call that ends well counts, however late")
		require.ErrorIs(t, r.failed[0], stages.ErrTimeout)
		require.Zero(t, r.failed[0].Attempts)
	})
}

// Cheap calls with the same deadline share a context. If the time passes during one of them, the
// next ones are not made.
func TestNeighboursOfACallThatTookTooLongAreNotCalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const slow, n = 300, 400
		called := 0
		r := through(t, source.Slice(upTo(n)), section.Map([]section.Layer{section.Timeout(time.Second)}, func(_ context.Context, v int) (int, error) {
			if called++; v == slow {
				time.Sleep(2 * time.Second)
			}
			return v, nil
		}))
		require.Equal(t, upTo(slow+1), r.out)
		require.Equal(t, slow+1, called)
		require.Len(t, r.failed, n-slow-1)
		for _, f := range r.failed {
			require.ErrorIs(t, f, stages.ErrTimeout)
			require.Zero(t, f.Attempts)
		}
	})
}

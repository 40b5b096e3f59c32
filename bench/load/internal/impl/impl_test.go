package impl_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/bench/load/internal/impl"
	"github.com/weir-go/weir/bench/load/internal/job"
)

// rig is a service and a record, for one run in a bubble.
type rig struct {
	mu     sync.Mutex
	calls  []time.Duration // when each began, from the start
	flying int
	peak   int
	fates  map[int64]job.Fate
	wrong  int
	twice  int

	answer func(n int, at time.Duration, key uint64) (time.Duration, error) // of the n-th call
}

func settings() job.Settings {
	return job.Settings{
		InFlight: 4, Queue: 4, Attempts: 3, Base: 20 * time.Millisecond,
		BreakAfter: 5, Recovery: 100 * time.Millisecond,
	}
}

// run has an implementation do the job for arrivals that come every gap.
func (r *rig) run(t *testing.T, run job.Runner, s job.Settings, gap time.Duration, keys ...uint64) {
	t.Helper()
	r.fates = map[int64]job.Fate{}
	begin := time.Now()
	j := job.Job{Settings: s, Done: r.done, Call: func(_ context.Context, key uint64) (job.Answer, error) {
		return r.call(time.Since(begin), key)
	}}
	in := make(chan job.Arrival)
	go func() {
		defer close(in)
		for i, key := range keys {
			in <- job.Arrival{ID: int64(i), Key: key, Due: time.Now()}
			if gap > 0 {
				time.Sleep(gap)
			} else {
				synctest.Wait()
			}
		}
	}()
	require.NoError(t, run(t.Context(), j, in))
	require.Len(t, r.fates, len(keys), "each arrival has a fate")
	require.Zero(t, r.twice, "and only one")
	require.Zero(t, r.wrong, "and its own answer")
	require.LessOrEqual(t, r.peak, s.InFlight)
}

func (r *rig) call(at time.Duration, key uint64) (job.Answer, error) {
	r.mu.Lock()
	n := len(r.calls)
	r.calls = append(r.calls, at)
	r.flying++
	r.peak = max(r.peak, r.flying)
	r.mu.Unlock()
	took, err := r.answer(n, at, key)
	time.Sleep(took)
	r.mu.Lock()
	r.flying--
	r.mu.Unlock()
	return job.Answer{Key: key}, err
}

func (r *rig) done(a job.Arrival, answer job.Answer, fate job.Fate) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.fates[a.ID]; ok {
		r.twice++
	}
	r.fates[a.ID] = fate
	if fate == job.Succeeded && answer.Key != a.Key {
		r.wrong++
	}
}

func (r *rig) count(f job.Fate) int {
	n := 0
	for _, fate := range r.fates {
		if fate == f {
			n++
		}
	}
	return n
}

// each runs a test with each implementation in a bubble.
func each(t *testing.T, test func(t *testing.T, run job.Runner)) {
	for _, i := range impl.All() {
		t.Run(i.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test(t, i.Run) })
		})
	}
}

// distinct returns n keys.
func distinct(n int) []uint64 {
	keys := make([]uint64, n)
	for i := range keys {
		keys[i] = uint64(i)
	}
	return keys
}

func always(took time.Duration, err error) func(int, time.Duration, uint64) (time.Duration, error) {
	return func(int, time.Duration, uint64) (time.Duration, error) { return took, err }
}

func TestWithinCapacityAllSucceed(t *testing.T) {
	each(t, func(t *testing.T, run job.Runner) {
		r := &rig{answer: always(10*time.Millisecond, nil)}
		r.run(t, run, settings(), 5*time.Millisecond, distinct(50)...)
		require.Equal(t, 50, r.count(job.Succeeded))
		require.Len(t, r.calls, 50)
	})
}

func TestABurstIsQueuedUpToTheBoundAndShedBeyond(t *testing.T) {
	each(t, func(t *testing.T, run job.Runner) {
		r := &rig{answer: always(time.Second, nil)}
		r.run(t, run, settings(), 0, distinct(20)...)
		require.Equal(t, 8, r.count(job.Succeeded), "InFlight + Queue")
		require.Equal(t, 12, r.count(job.Shed))
		require.Len(t, r.calls, 8)
		require.Equal(t, 4, r.peak)
	})
}

func TestEqualKeysShareACall(t *testing.T) {
	each(t, func(t *testing.T, run job.Runner) {
		r := &rig{answer: always(100*time.Millisecond, nil)}
		r.run(t, run, settings(), 0, 7, 7, 7, 8)
		require.Equal(t, 4, r.count(job.Succeeded))
		require.Len(t, r.calls, 2)
	})
}

func TestAFailureIsTriedAgainAfterTheDelay(t *testing.T) {
	each(t, func(t *testing.T, run job.Runner) {
		r := &rig{answer: always(0, &job.StatusError{Code: 500})}
		r.run(t, run, settings(), time.Second, 1)
		require.Equal(t, 1, r.count(job.Failed))
		require.Len(t, r.calls, 3)
		require.InDelta(t, 15*time.Millisecond, r.calls[1]-r.calls[0], float64(6*time.Millisecond))
		require.InDelta(t, 30*time.Millisecond, r.calls[2]-r.calls[1], float64(11*time.Millisecond))
	})
}

func TestADelayOfTheServiceIsKept(t *testing.T) {
	each(t, func(t *testing.T, run job.Runner) {
		const after = 200 * time.Millisecond
		r := &rig{answer: func(n int, _ time.Duration, _ uint64) (time.Duration, error) {
			if n == 0 {
				return 0, &job.StatusError{Code: 429, After: after}
			}
			return 0, nil
		}}
		r.run(t, run, settings(), time.Second, 1)
		require.Equal(t, 1, r.count(job.Succeeded))
		require.GreaterOrEqual(t, r.calls[1]-r.calls[0], after)
		require.LessOrEqual(t, r.calls[1]-r.calls[0], 2*after+time.Millisecond)
	})
}

// In an outage each call fails. The breaker opens after five failures, and then
// lets one probe through each recovery; what it refuses fails at once.
func TestTheBreakerKeepsCallsOffAServiceThatIsDown(t *testing.T) {
	each(t, func(t *testing.T, run job.Runner) {
		const outage = time.Second
		r := &rig{answer: func(_ int, at time.Duration, _ uint64) (time.Duration, error) {
			if at < outage {
				return 0, errors.New("down")
			}
			return 0, nil
		}}
		r.run(t, run, settings(), 10*time.Millisecond, distinct(200)...)
		down := 0
		for _, at := range r.calls {
			if at < outage {
				down++
			}
		}
		require.LessOrEqual(t, down, 5+10, "five to open, one in each recovery")
		require.Greater(t, r.count(job.Refused), 80)
		require.Greater(t, r.count(job.Succeeded), 85, "back within a recovery")
		require.LessOrEqual(t, r.count(job.Failed), 5)
	})
}

func TestTheEndOfTheContextCutsTheDrainShort(t *testing.T) {
	each(t, func(t *testing.T, run job.Runner) {
		ctx, cancel := context.WithCancel(t.Context())
		r := &rig{fates: map[int64]job.Fate{}}
		in := make(chan job.Arrival)
		j := job.Job{Settings: settings(), Done: r.done, Call: func(ctx context.Context, _ uint64) (job.Answer, error) {
			<-ctx.Done()
			return job.Answer{}, ctx.Err()
		}}
		go func() {
			for i := range 6 {
				in <- job.Arrival{ID: int64(i), Key: uint64(i)}
			}
			close(in)
			synctest.Wait()
			cancel()
		}()
		_ = run(ctx, j, in) // the error, if any, tells of the abort
		require.Len(t, r.fates, 6)
		require.Zero(t, r.count(job.Succeeded))
		require.NotZero(t, r.count(job.Aborted))
	})
}

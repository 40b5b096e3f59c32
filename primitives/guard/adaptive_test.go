package guard_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/outcome"
)

// service stands for a service that is called. It works on width calls at a time
// without slowing down. With more calls, each takes longer.
type service struct {
	mu       sync.Mutex
	width    int
	hold     time.Duration // of a call when there are at most width
	noise    float64       // part of the hold, up and down
	patience time.Duration // of the callers; a call that takes longer is lost. 0: without end
	inside   int
	err      error // of each call
}

func (s *service) call(context.Context) (struct{}, error) {
	s.mu.Lock()
	s.inside++
	took := s.hold * time.Duration(max(s.width, s.inside)) / time.Duration(s.width)
	took += time.Duration((rand.Float64()*2 - 1) * s.noise * float64(took))
	err := s.err
	if s.patience > 0 && took > s.patience {
		took, err = s.patience, context.DeadlineExceeded
	}
	s.mu.Unlock()
	time.Sleep(took)
	s.mu.Lock()
	s.inside--
	s.mu.Unlock()
	return struct{}{}, err
}

func (s *service) set(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// scene is a guard in front of a service, and callers that come again and again.
type scene struct {
	*testing.T
	guard   *guard.Guard
	service *service
	least   int
	most    int
}

// simulate runs the script against the guard in virtual time.
func simulate(t *testing.T, a guard.Algorithm, first, least, most int, s *service, script func(*scene)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		g := newGuard(t, guard.Limit(first, guard.Adaptive(a, least, most)))
		script(&scene{t, g, s, least, most})
	})
}

// load keeps n callers busy for a time. Each pauses between its calls. The limit must
// stay within its bounds.
func (s *scene) load(n int, pause, lasts time.Duration) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), lasts)
	defer cancel()
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			for ctx.Err() == nil {
				_, _ = s.guard.Do(ctx, s.service.call)
				time.Sleep(pause)
			}
		})
	}
	for ctx.Err() == nil {
		time.Sleep(50 * time.Millisecond)
		require.GreaterOrEqual(s, s.guard.Capacity(), s.least)
		require.LessOrEqual(s, s.guard.Capacity(), s.most)
	}
	wg.Wait()
}

// limits returns the least and the greatest limit while callers are busy.
func (s *scene) limits(n int, pause, lasts time.Duration) (low, high int) {
	s.Helper()
	low = s.most
	for range 20 {
		s.load(n, pause, lasts/20)
		low, high = min(low, s.guard.Capacity()), max(high, s.guard.Capacity())
	}
	return low, high
}

func algorithms() map[string]guard.Algorithm {
	return map[string]guard.Algorithm{
		"AIMD":      guard.AIMD(0.9, 40*time.Millisecond), // twice the hold of the services below
		"Vegas":     guard.Vegas(),
		"Gradient2": guard.Gradient2(),
	}
}

// A step of the load: from below the width of the service to ten times that. From any
// first limit, after 30 s the limit is between the width and twice the width, and stays
// there. Half of that is allowed for the window of a probe.
func TestAdaptiveStepLoad(t *testing.T) {
	for name, a := range algorithms() {
		for _, first := range []int{3, 10, 150} {
			t.Run(fmt.Sprintf("%s from %d", name, first), func(t *testing.T) {
				simulate(t, a, first, 1, 300, wide(), func(s *scene) {
					s.load(2, 0, 5*time.Second)
					s.load(100, 0, 30*time.Second)
					low, high := s.limits(100, 0, 20*time.Second)
					require.GreaterOrEqual(t, low, 5)
					require.LessOrEqual(t, high, 20)
				})
			})
		}
	}
}

// A drift: callers a little above what the service can bear. Fault: if the unloaded
// hold follows what the guard itself has caused, and something is added each time, the
// limit rises without end.
func TestAdaptiveDoesNotDrift(t *testing.T) {
	for name, a := range algorithms() {
		t.Run(name, func(t *testing.T) {
			simulate(t, a, 10, 1, 300, wide(), func(s *scene) {
				s.load(30, 0, 2*time.Minute)
				_, high := s.limits(30, 0, 20*time.Second)
				require.LessOrEqual(t, high, 20)
			})
		})
	}
}

// Slow degradation: each call takes up to four times as long, and stays so. Algorithms
// that look at time shrink at first, but learn that this is no load.
func TestAdaptiveSlowDegradation(t *testing.T) {
	for name, a := range algorithms() {
		t.Run(name, func(t *testing.T) {
			simulate(t, a, 20, 2, 300, wide(), func(s *scene) {
				s.load(100, 0, 10*time.Second)
				for range 30 {
					s.service.set(func() { s.service.hold += 2 * time.Millisecond })
					s.load(100, 0, time.Second)
				}
				if name == "AIMD" { // all are slow now, and that counts as lost
					s.load(100, 0, 30*time.Second)
					require.Equal(t, 2, s.guard.Capacity())
					return
				}
				s.load(100, 0, 2*time.Minute)
				low, high := s.limits(100, 0, 20*time.Second)
				require.GreaterOrEqual(t, low, 5)
				require.LessOrEqual(t, high, 30) // noise takes Vegas above 20 in one run of 100
			})
		})
	}
}

// Stable timeouts. Fault: all calls take the same time, so nothing looks like
// congestion, and the limit climbs to its bound.
func TestAdaptiveStableTimeouts(t *testing.T) {
	for name, a := range algorithms() {
		t.Run(name, func(t *testing.T) {
			s := wide()
			s.hold, s.patience = time.Hour, time.Second
			simulate(t, a, 50, 3, 300, s, func(s *scene) {
				s.load(100, 0, 5*time.Minute)
				require.Equal(t, 3, s.guard.Capacity())
			})
		})
	}
}

// A service that fails at once is quick, and must not get more calls for that.
func TestAdaptiveQuickFailures(t *testing.T) {
	for name, a := range algorithms() {
		t.Run(name, func(t *testing.T) {
			s := wide()
			s.hold, s.err = time.Millisecond, errors.New("connection refused")
			simulate(t, a, 50, 3, 300, s, func(s *scene) {
				s.load(50, 10*time.Millisecond, 5*time.Second)
				require.Equal(t, 3, s.guard.Capacity())
				// It comes back as soon as calls succeed.
				s.service.set(func() { s.service.hold, s.service.err = 20*time.Millisecond, nil })
				s.load(100, 0, 30*time.Second)
				require.GreaterOrEqual(t, s.guard.Capacity(), 5)
			})
		})
	}
}

// Answers that are not due to load change nothing, however many: permanent failures,
// and calls cancelled by their callers.
func TestAdaptiveInnocentFailures(t *testing.T) {
	for _, err := range []error{outcome.AsPermanent(errors.New("400")), outcome.AsIgnored(errors.New("gone"))} {
		for name, a := range algorithms() {
			simulate(t, a, 20, 1, 300, &service{width: 20, hold: 20 * time.Millisecond, err: err}, func(s *scene) {
				s.load(20, 0, 10*time.Second)
				require.GreaterOrEqual(t, s.guard.Capacity(), 20, name)
			})
		}
	}
}

// The classifier of the policy decides: what it calls a success is not due to load.
func TestAdaptiveAsksTheClassifier(t *testing.T) {
	answers := func(context.Context, error) outcome.Outcome { return outcome.Outcome{} }
	for err, opts := range map[error][]guard.Option{
		errors.New("404"): {guard.Classify(answers)},
		errors.New("503"): nil,
	} {
		synctest.Test(t, func(t *testing.T) {
			g := newGuard(t, guard.Limit(20, append(opts, guard.Adaptive(guard.AIMD(0.9, 0), 1, 300))...))
			s := &scene{t, g, &service{width: 20, hold: 20 * time.Millisecond, err: err}, 1, 300}
			s.load(20, 0, 5*time.Second)
			require.Equal(t, opts != nil, g.Capacity() > 20, "%v: %d", err, g.Capacity())
		})
	}
}

// A guard in less than half use learns nothing about a higher limit. A limit far above
// what is used comes down to five times that.
func TestAdaptiveAppLimited(t *testing.T) {
	for name, a := range algorithms() {
		t.Run(name, func(t *testing.T) {
			s := wide()
			s.width = 1000
			simulate(t, a, 20, 1, 300, s, func(s *scene) {
				_, high := s.limits(8, 0, 30*time.Second)
				require.Equal(t, 20, high)
				require.NoError(t, s.guard.Resize(200))
				s.load(8, 0, 5*time.Second)
				require.Equal(t, 40, s.guard.Capacity())
			})
		})
	}
}

// Low rates: windows with a call or two change nothing.
func TestAdaptiveLowRate(t *testing.T) {
	for name, a := range algorithms() {
		t.Run(name, func(t *testing.T) {
			s := wide()
			s.noise = 0.9
			simulate(t, a, 20, 1, 300, s, func(s *scene) {
				low, high := s.limits(1, time.Second, 10*time.Minute)
				require.Equal(t, []int{20, 20}, []int{low, high})
				s.service.set(func() { s.service.err = errors.New("boom") })
				s.load(1, time.Second, 5*time.Minute)
				require.Equal(t, 20, s.guard.Capacity())
			})
		})
	}
}

// A limit of 1 does not mean too few calls: a guard in full use is judged.
func TestAdaptiveLeavesItsLowerBound(t *testing.T) {
	for name, a := range algorithms() {
		t.Run(name, func(t *testing.T) {
			simulate(t, a, 1, 1, 300, wide(), func(s *scene) {
				s.load(100, 0, 30*time.Second)
				require.GreaterOrEqual(t, s.guard.Capacity(), 5)
			})
		})
	}
}

// wide is a service that works on 10 calls at a time, 20 ms each.
func wide() *service { return &service{width: 10, hold: 20 * time.Millisecond, noise: 0.2} }

package stack_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/dedup"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/limiter"
	"github.com/weir-go/weir/primitives/outcome"
	"github.com/weir-go/weir/primitives/retry"
	"github.com/weir-go/weir/primitives/stack"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errDown = errors.New("connection refused")

// service is a function that fails as often as told, and counts its calls.
type service struct {
	fails int
	calls int
	err   error // what it fails with; nil: errDown
}

func (s *service) call(_ context.Context, in string) (string, error) {
	if s.calls++; s.calls <= s.fails {
		return "", cmpOr(s.err, errDown)
	}
	return "answer to " + in, nil
}

func cmpOr(err, other error) error {
	if err != nil {
		return err
	}
	return other
}

func TestAStackWithoutLayersIsItsFunction(t *testing.T) {
	type key struct{}
	s := stack.Around(func(ctx context.Context, in int) (any, error) {
		return ctx.Value(key{}), fmt.Errorf("%d: %w", in, errDown)
	})
	require.NoError(t, s.Err())
	v, err := s.Do(context.WithValue(t.Context(), key{}, 7), 3)
	require.Equal(t, 7, v)
	require.ErrorIs(t, err, errDown)
	require.EqualError(t, err, "3: connection refused")
}

// trace is a layer that notes when it is passed.
func trace(s *stack.Stack[string, string], log *[]string, name string) *stack.Stack[string, string] {
	return s.Layer(name, func(next stack.Func[string, string]) stack.Func[string, string] {
		return func(ctx context.Context, in string) (string, error) {
			*log = append(*log, name+" down")
			v, err := next(ctx, in)
			*log = append(*log, name+" up")
			return v, err
		}
	})
}

func TestLayersEncloseInTheOrderGiven(t *testing.T) {
	var log []string
	s := stack.Around(func(context.Context, string) (string, error) { log = append(log, "call"); return "v", nil })
	s = trace(s, &log, "outer").Guard(guard.Limit(3))
	s = trace(s, &log, "middle").Dedup(dedup.Window(time.Minute), func(in string) string { return in }).
		Breaker(breaker.Consecutive("b", 1, time.Minute)).Retry(retry.None()).RateLimit(limiter.PerSecond(1000), nil).Timeout(time.Minute)
	s = trace(s, &log, "inner")
	require.NoError(t, s.Err())
	_, err := s.Do(t.Context(), "a")
	require.NoError(t, err)
	require.Equal(t, []string{"outer down", "middle down", "inner down", "call", "inner up", "middle up", "outer up"}, log)
	log = nil
	_, err = s.Do(t.Context(), "a")
	require.NoError(t, err)
	require.Equal(t, []string{"outer down", "middle down", "middle up", "outer up"}, log, "the dedup answers")
}

// A breaker outside a retry sees one outcome for all tries; inside, each of them.
func TestTheOrderOfBreakerAndRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		policy, tries := breaker.Consecutive("model", 2, time.Minute), retry.Constant(3, time.Second)
		down := &service{fails: 99}
		outside := stack.Around(down.call).Breaker(policy).Retry(tries)
		_, err := outside.Do(t.Context(), "a")
		require.ErrorIs(t, err, errDown)
		require.Equal(t, 3, down.calls)
		_, _ = outside.Do(t.Context(), "a")
		require.Equal(t, 6, down.calls, "the second failure opens")
		_, err = outside.Do(t.Context(), "a")
		require.ErrorIs(t, err, breaker.ErrOpen)
		require.Equal(t, 6, down.calls)

		down.calls = 0
		inside := stack.Around(down.call).Retry(tries).Breaker(policy)
		_, err = inside.Do(t.Context(), "a")
		require.ErrorIs(t, err, breaker.ErrOpen)
		require.ErrorIs(t, err, errDown, "why it has opened")
		require.Equal(t, 2, down.calls)
	})
}

func TestGuardShedsAndWeighs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		s := stack.Around(func(context.Context, string) (int, error) { <-release; return 0, nil }).
			Guard(guard.Limit(4, guard.Shedding()), func(in string) guard.CallOption { return guard.Weight(len(in)) })
		require.NoError(t, s.Err())
		var wg sync.WaitGroup
		wg.Go(func() { _, _ = s.Do(t.Context(), "abc") })
		synctest.Wait()
		_, err := s.Do(t.Context(), "ab")
		require.ErrorIs(t, err, guard.ErrShed)
		wg.Go(func() { _, _ = s.Do(t.Context(), "d") })
		synctest.Wait()
		close(release)
		wg.Wait()
	})
}

func TestDedupSharesResults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		s := stack.Around(func(_ context.Context, in string) (string, error) {
			calls++
			time.Sleep(time.Second)
			return in, nil
		}).Dedup(dedup.Window(time.Minute), func(in string) int { return len(in) })
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				v, err := s.Do(context.Background(), "ab")
				if v != "ab" || err != nil {
					t.Error(v, err)
				}
			})
		}
		wg.Wait()
		v, err := s.Do(t.Context(), "xy")
		require.NoError(t, err)
		require.Equal(t, "ab", v, "the key is the same")
		require.Equal(t, 1, calls)
		_, _ = s.Do(t.Context(), "abc")
		require.Equal(t, 2, calls)
	})
}

func TestRateLimitPaysTheCost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var at []time.Duration
		start := time.Now()
		s := stack.Around(func(context.Context, string) (int, error) { at = append(at, time.Since(start)); return 0, nil })
		for _, cost := range []func(string) int{nil, func(in string) int { return len(in) }} {
			at, start = nil, time.Now()
			limited := s.RateLimit(limiter.Every(time.Second, limiter.Burst(3)), cost)
			for range 3 {
				_, err := limited.Do(t.Context(), "abc")
				require.NoError(t, err)
			}
			if cost == nil {
				require.Equal(t, []time.Duration{0, 0, 0}, at)
			} else {
				require.Equal(t, []time.Duration{0, 3 * time.Second, 6 * time.Second}, at)
			}
		}
	})
}

// A service that hangs opens the breaker, whichever layer has set the deadline.
func TestTimeoutIsAFailureOfTheService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hangs := stack.Around(func(ctx context.Context, _ string) (int, error) { <-ctx.Done(); return 0, errors.New("rpc: code 4") })
		policy := breaker.Consecutive("model", 3, time.Minute)
		for name, s := range map[string]*stack.Stack[string, int]{
			"timeout inside":          hangs.Breaker(policy).Timeout(time.Second),
			"timeout outside":         hangs.Timeout(time.Second).Breaker(policy),
			"outside a dedup":         hangs.Timeout(time.Second).Dedup(dedup.Window(0), func(in string) string { return in }).Breaker(policy),
			"timeout inside of tries": hangs.Breaker(policy).Retry(retry.Constant(2, time.Second)).Timeout(time.Second),
		} {
			t.Log(name)
			for range 3 {
				_, err := s.Do(t.Context(), "a")
				require.Error(t, err)
				require.NotErrorIs(t, err, breaker.ErrOpen)
			}
			_, err := s.Do(t.Context(), "a")
			require.ErrorIs(t, err, breaker.ErrOpen)
		}
	})
}

// A stack that is made of another one has its layers, and leaves it as it is.
func TestStacksShareTheLayersTheyWereMadeOf(t *testing.T) {
	down := &service{fails: 99}
	base := stack.Around(down.call).Breaker(breaker.Consecutive("model", 2, time.Minute))
	one, two := base.Timeout(time.Second), base.Timeout(time.Minute)
	_, _ = one.Do(t.Context(), "a")
	_, _ = two.Do(t.Context(), "a")
	for _, s := range []*stack.Stack[string, string]{base, one, two} {
		_, err := s.Do(t.Context(), "a")
		require.ErrorIs(t, err, breaker.ErrOpen)
	}
	b := breaker.Of(breaker.Consecutive("model", 1, time.Minute))
	shared := stack.Around(down.call).Breaker(b)
	_, _ = shared.Do(t.Context(), "a")
	require.Equal(t, breaker.Open, b.State(), "a breaker can be observed")
}

// The layers give back what they hold, however a call ends.
func TestNothingIsHeldAfterwards(t *testing.T) {
	ends := map[string]func(cancel func(), ctx context.Context) error{
		"returns":   func(func(), context.Context) error { return nil },
		"fails":     func(func(), context.Context) error { return errDown },
		"panics":    func(func(), context.Context) error { panic("boom") },
		"exits":     func(func(), context.Context) error { runtime.Goexit(); return nil },
		"cancelled": func(cancel func(), ctx context.Context) error { cancel(); <-ctx.Done(); return ctx.Err() },
		"timed out": func(_ func(), ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g, err := guard.New(guard.Limit(1))
				require.NoError(t, err)
				d, err := dedup.New[string, string](dedup.Window(0))
				require.NoError(t, err)
				b := breaker.Of(breaker.Consecutive("model", 99, time.Minute, breaker.Hung(time.Hour, 1)))
				r := retry.Of(retry.Constant(2, time.Second))
				l, err := limiter.New(limiter.Every(time.Second))
				require.NoError(t, err)
				var cancel func()
				s := stack.Around(func(ctx context.Context, in string) (string, error) { return in, end(cancel, ctx) }).
					Guard(g).Dedup(d, func(in string) string { return in }).Breaker(b).Retry(r).RateLimit(l, nil).Timeout(time.Minute)
				b.OpenFor(0) // the call is a probe
				done := make(chan struct{})
				go func() {
					defer close(done)
					defer func() { _ = recover() }()
					var ctx context.Context
					ctx, cancel = context.WithCancel(context.Background())
					defer cancel()
					_, _ = s.Do(ctx, "a")
				}()
				<-done
				require.Zero(t, g.Snapshot().Depth)
				require.Zero(t, d.Snapshot().InFlight)
				require.Zero(t, b.Snapshot().Probes)
				require.Zero(t, b.Snapshot().Rules[1].Bad)
				b.Reset()
				ends := end
				end = func(func(), context.Context) error { return nil }
				v, err := s.Do(context.Background(), "a")
				require.NoError(t, err)
				require.Equal(t, "a", v)
				end = ends
			})
		})
	}
}

func TestFaultsNameTheirLayers(t *testing.T) {
	same := func(in string) string { return in }
	none := func(stack.Func[string, string]) stack.Func[string, string] { return nil }
	other, err := dedup.New[int, string](dedup.Window(time.Minute))
	require.NoError(t, err)
	s := stack.Around(func(context.Context, string) (string, error) { t.Error("called"); return "", nil })
	require.EqualError(t, new(stack.Stack[string, string]).Err(), "stack: invalid: there is no function, pass one to Around")
	for want, faulty := range map[string]*stack.Stack[string, string]{
		"stack: invalid: there is no function, pass one to Around":                                                                      stack.Around[string, string](nil).Timeout(1),
		"stack: invalid: layer 1, breaker: breaker: invalid policy: \"m\": failures is 0, want at least 1":                              s.Breaker(breaker.Consecutive("m", 0, 1)),
		"stack: invalid: layer 1, breaker: the source is nil":                                                                           s.Breaker(nil),
		"stack: invalid: layer 1, breaker: breaker: nil *Breaker":                                                                       s.Breaker((*breaker.Breaker)(nil)),
		"stack: invalid: layer 1, retry: retry: invalid policy: attempts is 0, want at least 1":                                         s.Retry(retry.Constant(0, 1)),
		"stack: invalid: layer 1, retry: a function to drop values is nil":                                                              s.Retry(retry.None(), nil),
		"stack: invalid: layer 1, retry: the source is nil":                                                                             s.Retry(nil),
		"stack: invalid: layer 1, guard: the source is nil; an option is nil":                                                           s.Guard(nil, nil),
		"stack: invalid: layer 1, dedup: the source is nil; the key function is nil":                                                    s.Dedup[string](nil, nil),
		"stack: invalid: layer 1, dedup: the shared deduplicator is nil":                                                                s.Dedup((*dedup.Dedup[string, string])(nil), same),
		"stack: invalid: layer 1, dedup: dedup: invalid policy: ttl -1ns is negative":                                                   s.Dedup(dedup.Of[string, string](dedup.Window(-1)), same),
		"stack: invalid: layer 2, mine: the layer made no function":                                                                     s.Timeout(1).Layer("mine", none).Timeout(1),
		"stack: invalid: layer 1, outer: the layer made no function":                                                                    s.Layer("outer", none),
		"stack: invalid: layer 1, rate limit: the source is nil":                                                                        s.RateLimit(nil, nil),
		"stack: invalid: layer 2, timeout: the time is -1ns, want more than 0":                                                          s.Retry(retry.None()).Timeout(-1),
		"stack: invalid: layer 2, mine: the layer is nil":                                                                               s.Timeout(1).Layer("mine", nil),
		"stack: invalid: layer 1, dedup: a deduplicator to share must be a *dedup.Dedup[string,string], not a *dedup.Dedup[int,string]": s.Dedup(other, same),
		"stack: invalid: layer 1, timeout: the time is 0s, want more than 0; layer 3, retry: retry: invalid policy: attempts is -1, want at least 1; delay is 0s, want more than 0": s.
			Timeout(0).Guard(guard.Limit(1)).Retry(retry.Constant(-1, 0)),
	} {
		require.EqualError(t, faulty.Err(), want)
		require.ErrorIs(t, faulty.Err(), stack.ErrInvalid)
		v, err := faulty.Do(t.Context(), "a")
		require.Empty(t, v)
		require.EqualError(t, err, want)
		require.EqualError(t, faulty.Classify(nil).Err(), want, "a fault stays")
		require.Equal(t, outcome.Permanent, outcome.Classify(t.Context(), err).Kind)
	}
	err = s.Timeout(1).Breaker(breaker.Policy{}).Err()
	var fault *stack.LayerError
	require.ErrorAs(t, err, &fault)
	require.Equal(t, "breaker", fault.Layer)
	require.Equal(t, 2, fault.Place)
	require.ErrorIs(t, err, breaker.ErrPolicy)
}

func TestWhatALayerAllocates(t *testing.T) {
	f := stack.Around(func(_ context.Context, in string) (string, error) { return in, nil })
	ctx := t.Context()
	for name, s := range map[string]*stack.Stack[string, string]{
		"none":    f,
		"guard":   f.Guard(guard.Limit(1)),
		"dedup":   f.Dedup(dedup.Window(time.Minute), func(in string) string { return in }),
		"breaker": f.Breaker(breaker.Consecutive("model", 1, 1)),
		"retry":   f.Retry(retry.None()),
		"rate":    f.RateLimit(limiter.PerSecond(1e9), nil),
	} {
		want := 0.0
		if name == "retry" {
			want = 1
		}
		require.Equal(t, want, testing.AllocsPerRun(100, func() { _, _ = s.Do(ctx, "a") }), name)
	}
}

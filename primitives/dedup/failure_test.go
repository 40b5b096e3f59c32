package dedup_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/dedup"
	"github.com/weir-go/weir/primitives/outcome"
)

// Row 25 of the resilience list: errors have a ttl of their own.
func TestResilience25ErrorTTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := make1[string, int](t, dedup.Window(time.Minute, dedup.ErrorTTL(time.Second)))
		_, err := d.Do(t.Context(), "k", func(context.Context) (int, error) { return 0, errDown })
		require.ErrorIs(t, err, errDown)
		keep(t, d, "good", 1)
		time.Sleep(time.Second - 1)
		_, err = d.Do(t.Context(), "k", never)
		require.ErrorIs(t, err, errDown)
		c := d.Check("k")
		require.Equal(t, dedup.Check[int]{State: dedup.Cached, Err: err}, c, "the same again, at no cost")
		require.False(t, d.Contains("k"), "no value")
		s := d.Snapshot()
		require.Equal(t, []int{2, 0, 2}, []int{s.Cached, s.InFlight, int(s.Hits)})
		time.Sleep(time.Nanosecond)
		require.Equal(t, 1, d.Snapshot().Cached)
		v, err := d.Do(t.Context(), "k", one)
		require.NoError(t, err)
		require.Equal(t, 1, v)
		require.True(t, d.Contains("good"))
	})
}

// A caller that gets an error that is kept is told so, with the name of the deduplicator
// and when to try again. It is no failure of the service. The leader of the run gets the
// error as it was.
func TestKeptErrorsSayWhenToTryAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := make1[string, int](t, dedup.Window(time.Hour, dedup.Name("prompts"), dedup.ErrorTTL(10*time.Second)))
		_, err := d.Do(t.Context(), "k", gives(0, errDown))
		require.Equal(t, errDown, err)
		for left := 10 * time.Second; left > 0; left -= time.Second {
			_, err = d.Do(t.Context(), "k", never)
			require.EqualError(t, err, `dedup "prompts": kept from an earlier run: down`)
			require.ErrorIs(t, err, errDown)
			require.Equal(t, outcome.Outcome{Kind: outcome.Ignored, After: left}, outcome.Classify(t.Context(), err))
			time.Sleep(time.Second)
		}
		kept, ok := errors.AsType[*dedup.KeptError](err)
		require.True(t, ok)
		require.Zero(t, kept.After(), "never below 0")
		_, err = d.Do(t.Context(), "k", gives(0, errScript))
		require.Equal(t, errScript, err)
		_, err = d.Do(t.Context(), "k", never)
		require.ErrorIs(t, err, errScript, "not the one before")
		require.NotErrorIs(t, err, errDown)
	})
}

// Only what says something about the service is kept.
func TestWhichErrorsAreKept(t *testing.T) {
	cancelled := func(ctx context.Context) (context.Context, context.CancelFunc) {
		return context.WithTimeoutCause(ctx, time.Millisecond, context.Canceled)
	}
	tests := []struct {
		name string
		err  error
		kept time.Duration
	}{
		{"failure", errDown, time.Minute},
		{"deadline inside the call", context.DeadlineExceeded, time.Minute},
		{"permanent", outcome.AsPermanent(errDown), time.Minute},
		{"throttled", outcome.AsThrottled(errDown, time.Second), time.Second},
		{"throttled for longer", outcome.AsThrottled(errDown, time.Hour), time.Minute},
		{"throttled, not said how long", outcome.AsThrottled(errDown, 0), time.Minute},
		{"ignored", outcome.AsIgnored(errDown), 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := make1[string, int](t, dedup.Window(0, dedup.ErrorTTL(time.Minute)))
				_, err := d.Do(t.Context(), "do", func(context.Context) (int, error) { return 0, tt.err })
				require.ErrorIs(t, err, tt.err)
				d.Fail(d.Check("fail").Token, tt.err)
				for _, key := range []string{"do", "fail"} {
					if tt.kept > 0 {
						time.Sleep(tt.kept - 1)
						require.Equal(t, dedup.Cached, d.Check(key).State)
						time.Sleep(time.Nanosecond)
						require.Equal(t, dedup.First, d.Check(key).State)
						break
					}
					require.Equal(t, dedup.First, d.Check(key).State)
				}
			})
		})
	}
	t.Run("the caller's own end", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			d := make1[string, int](t, dedup.Window(0, dedup.ErrorTTL(time.Minute)))
			ctx, cancel := cancelled(t.Context())
			defer cancel()
			_, err := d.Do(ctx, "k", slow)
			require.Error(t, err)
			require.Equal(t, dedup.First, d.Check("k").State)
		})
	})
	t.Run("panic", func(t *testing.T) {
		d := make1[string, int](t, dedup.Window(0, dedup.ErrorTTL(time.Minute)))
		require.Panics(t, func() { _, _ = d.Do(t.Context(), "k", func(context.Context) (int, error) { panic(1) }) })
		require.Equal(t, dedup.First, d.Check("k").State)
	})
	t.Run("as the classifier says", func(t *testing.T) {
		d := make1[string, int](t, dedup.Window(0, dedup.ErrorTTL(time.Minute),
			dedup.Classify(func(_ context.Context, err error) outcome.Outcome {
				if errors.Is(err, errDown) {
					return outcome.Outcome{Kind: outcome.Ignored}
				}
				return outcome.Outcome{Kind: outcome.Failure}
			})))
		d.Fail(d.Check("down").Token, errDown)
		d.Fail(d.Check("other").Token, errScript)
		require.Equal(t, dedup.First, d.Check("down").State)
		require.Equal(t, dedup.Cached, d.Check("other").State)
	})
}

// The fault: the leader had cancelled while another caller waited, and the failure of the
// service counted as its cancellation. It was not kept.
func TestAFailureIsKeptIfTheLeaderHasLeft(t *testing.T) {
	for name, followed := range map[string]bool{"while another caller waits": true, "alone": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := make1[string, int](t, dedup.Window(0, dedup.ErrorTTL(time.Minute)))
				ctx, cancel := context.WithCancel(t.Context())
				led := make(chan error, 1)
				go func() {
					_, err := d.Do(ctx, "k", func(context.Context) (int, error) { time.Sleep(time.Second); return 0, errDown })
					led <- err
				}()
				synctest.Wait()
				followers := 0
				if followed {
					followers = 1
					go func() { _, err := d.Do(t.Context(), "k", never); led <- err }()
					synctest.Wait()
				}
				cancel()
				for range 1 + followers {
					require.ErrorIs(t, <-led, errDown)
				}
				c := d.Check("k")
				if followed {
					require.ErrorIs(t, c.Err, errDown)
				} else {
					require.Equal(t, dedup.First, c.State, "its context had ended for good")
				}
			})
		})
	}
}

// A TTL given to Fail is that of the error; one given to Do is that of its value.
func TestTTLOfOneError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := make1[string, int](t, dedup.Window(time.Hour, dedup.ErrorTTL(time.Minute)))
		d.Fail(d.Check("not").Token, errDown, dedup.TTL(0))
		d.Fail(d.Check("short").Token, context.Canceled, dedup.TTL(time.Second))
		_, err := d.Do(t.Context(), "do", gives(0, errDown), dedup.TTL(0))
		require.ErrorIs(t, err, errDown)
		require.Equal(t, dedup.First, d.Check("not").State)
		require.Equal(t, dedup.First, d.Check("short").State)
		require.Equal(t, dedup.Cached, d.Check("do").State)

		plain := make1[string, int](t, dedup.Window(time.Hour))
		plain.Fail(plain.Check("k").Token, errDown, dedup.TTL(time.Second))
		require.ErrorIs(t, plain.Check("k").Err, errDown)
		time.Sleep(time.Second)
		require.Equal(t, dedup.First, plain.Check("k").State)
	})
}

// Errors that are kept take room like any result, and leave nothing behind.
func TestKeptErrorsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := make1[int, int](t, dedup.Window(time.Minute, dedup.ErrorTTL(time.Minute), dedup.MaxEntries(100)))
		for i := range 1000 {
			d.Fail(d.Check(i).Token, errDown)
		}
		s := d.Snapshot()
		require.Equal(t, []int{100, 900}, []int{s.Cached, int(s.Evicted)})
		require.ErrorIs(t, d.Check(999).Err, errDown)
		require.True(t, d.Forget(999))
		require.Equal(t, dedup.First, d.Check(999).State)
		time.Sleep(time.Minute)
		require.Equal(t, 99, d.Purge())
		for i := range 100 {
			d.Fail(d.Check(i).Token, errDown)
		}
		d.Clear()
		require.Zero(t, d.Snapshot().Cached)

		flood := make1[int, int](t, dedup.Window(0, dedup.ErrorTTL(time.Second), dedup.Unbounded()))
		before := heap()
		for i := range 100_000 {
			flood.Fail(flood.Check(i).Token, errDown)
		}
		require.Greater(t, heap()-before, 4<<20, "or else this shows nothing")
		time.Sleep(time.Second)
		require.Equal(t, 100_000, flood.Purge())
		require.Less(t, heap()-before, 1<<20)
		require.Equal(t, dedup.First, flood.Check(1).State)
	})
}

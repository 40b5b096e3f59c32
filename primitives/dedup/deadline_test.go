package dedup_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/dedup"
	"github.com/weir-go/weir/primitives/retry"
)

// waiter is a caller with so much patience; 0 is without end.
func waiter(t *testing.T, patience time.Duration) (context.Context, context.CancelFunc) {
	if patience == 0 {
		return context.WithCancel(t.Context())
	}
	return context.WithTimeout(t.Context(), patience)
}

// The fault: a deadline that passed in a run was a cancellation to whatever was inside,
// so that a service that hangs never opened a breaker.
func TestBreakerInsideADedupSeesDeadlines(t *testing.T) {
	for name, hang := range map[string]func(context.Context) (int, error){
		"done": func(ctx context.Context) (int, error) { <-ctx.Done(); return 0, ctx.Err() },
		"derived": func(ctx context.Context) (int, error) {
			ctx, cancel := context.WithTimeout(ctx, time.Hour)
			defer cancel()
			<-ctx.Done()
			return 0, ctx.Err()
		},
		"polling": func(ctx context.Context) (int, error) {
			for ctx.Err() == nil {
				time.Sleep(time.Millisecond)
			}
			return 0, ctx.Err()
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, err := breaker.New(breaker.Consecutive("svc", 3, time.Minute))
				require.NoError(t, err)
				d := make1[int, int](t, dedup.Window(time.Minute))
				for key := range 3 {
					ctx, cancel := context.WithTimeout(t.Context(), time.Second)
					_, err := d.Do(ctx, key, func(ctx context.Context) (int, error) {
						ctx, cancel := context.WithCancel(ctx) // such as a layer between them
						defer cancel()
						return b.Do(ctx, hang)
					})
					cancel()
					require.ErrorIs(t, err, context.DeadlineExceeded)
				}
				require.Equal(t, breaker.Open, b.State())
			})
		})
	}
}

// The fault: a retry inside a dedup saw no deadline, and waited for a try that no
// caller would see.
func TestRetryInsideADedupGivesUpAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := make1[int, int](t, dedup.Window(time.Minute))
		r, err := retry.New(retry.Constant(3, 30*time.Second))
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin := time.Now()
		_, err = d.Do(ctx, 1, func(ctx context.Context) (int, error) {
			return r.Do(ctx, func(context.Context) (int, error) { return 0, errDown })
		})
		require.ErrorIs(t, err, errDown)
		require.Zero(t, time.Since(begin))
	})
}

// A run has the latest deadline of the callers that wait for it at that moment.
func TestDeadlineIsTheLatestOfThoseWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := make1[string, int](t, dedup.Window(0))
		begin := time.Now()
		var run context.Context
		release := make(chan struct{})
		lead := func(ctx context.Context) (int, error) {
			run = ctx
			<-release
			return 1, nil
		}
		patience := func() time.Duration {
			synctest.Wait()
			if by, ok := run.Deadline(); ok {
				return by.Sub(begin)
			}
			return 0
		}
		ctx, leave := waiter(t, 10*time.Second)
		defer leave()
		leader := call(d, ctx, "k", lead)
		require.Equal(t, 10*time.Second, patience(), "the leader's own")

		join := func(patience time.Duration) context.CancelFunc {
			ctx, leave := waiter(t, patience)
			t.Cleanup(leave)
			call(d, ctx, "k", never)
			return leave
		}
		join(5 * time.Second)
		require.Equal(t, 10*time.Second, patience())
		leaveLong := join(30 * time.Second)
		require.Equal(t, 30*time.Second, patience(), "one that joins extends it")
		leaveEndless := join(0)
		require.Zero(t, patience(), "one without a deadline has all the time")
		leaveEndless()
		require.Equal(t, 30*time.Second, patience())
		leaveLong()
		require.Equal(t, 10*time.Second, patience(), "one that leaves takes its deadline along")
		join(20 * time.Second)
		leave()
		require.Equal(t, 20*time.Second, patience(), "the leader too")
		join(15 * time.Second)
		require.Equal(t, 20*time.Second, patience())
		d.Join("k", &recorder{})
		require.Zero(t, patience(), "one that has joined by hand waits for ever")
		close(release)
		require.NoError(t, (<-leader).err)
	})
}

// How a run's context ends depends on the caller that left last.
func TestHowARunEnds(t *testing.T) {
	const soon, late = time.Second, 2 * time.Second
	cause := errors.New("too late")
	tests := []struct {
		name             string
		leader, follower time.Duration // their deadlines, 0 for none
		cancel, at       string        // which caller is cancelled, after half a second or one and a half
		want             error
	}{
		{"both too late", soon, late, "", "", context.DeadlineExceeded},
		{"both too late, the leader last", late, soon, "", "", context.DeadlineExceeded},
		{"at the same time", soon, soon, "", "", context.DeadlineExceeded},
		{"the leader cancelled, the follower too late", 0, late, "leader", "early", context.DeadlineExceeded},
		{"the leader too late, the follower cancelled", soon, 0, "follower", "later", context.Canceled},
		{"the follower cancelled, the leader too late", soon, 0, "follower", "early", context.DeadlineExceeded},
		{"the follower too late, the leader cancelled", 0, soon, "leader", "later", context.Canceled},
		{"both cancelled", 0, 0, "both", "early", context.Canceled},
	}
	for _, tt := range tests {
		for name, how := range watchers {
			t.Run(tt.name+"/"+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					d := make1[string, int](t, dedup.Window(0))
					waits := func(patience time.Duration) (context.Context, context.CancelFunc) {
						if patience == 0 {
							return context.WithCancel(t.Context())
						}
						return context.WithTimeoutCause(t.Context(), patience, cause)
					}
					lctx, lcancel := waits(tt.leader)
					defer lcancel()
					fctx, fcancel := waits(tt.follower)
					defer fcancel()
					var run context.Context
					leader := call(d, lctx, "k", func(ctx context.Context) (int, error) {
						run = ctx
						time.Sleep(1600 * time.Millisecond) // until all that is cancelled is
						for {
							v, err := how(ctx)
							if err != nil {
								assert.ErrorIs(t, ctx.Err(), tt.want)
								assert.ErrorIs(t, err, tt.want)
								if tt.want == context.DeadlineExceeded {
									assert.ErrorIs(t, context.Cause(ctx), cause)
								}
								return v, err
							}
						}
					})
					follower := call(d, fctx, "k", never)
					if name != "late" && name != "polling" {
						_ = run.Done() // a derived context watches
					}
					time.Sleep(500 * time.Millisecond)
					if tt.at == "later" {
						time.Sleep(time.Second)
					}
					if tt.cancel == "leader" || tt.cancel == "both" {
						lcancel()
					}
					synctest.Wait()
					if tt.cancel == "follower" || tt.cancel == "both" {
						fcancel()
					}
					require.Error(t, (<-leader).err)
					require.ErrorIs(t, (<-follower).err, fctx.Err())
				})
			})
		}
	}
}

// What the leader returns tells its own end, whatever the run's was.
func TestALeaderThatWasTooLateIsToldSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := make1[string, int](t, dedup.Window(0))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		leader := call(d, ctx, "k", func(ctx context.Context) (int, error) { <-ctx.Done(); return 0, ctx.Err() })
		fctx, leave := context.WithCancel(t.Context())
		follower := call(d, fctx, "k", never)
		time.Sleep(1500 * time.Millisecond)
		leave()
		require.ErrorIs(t, (<-follower).err, context.Canceled)
		err := (<-leader).err
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, err, context.Canceled)
	})
}

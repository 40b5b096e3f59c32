package retry

import (
	"context"
	"time"
)

// Event is one retry, as the hooks of [OnRetry] see it: a try has ended and another one
// follows after Delay.
type Event struct {
	// Name is the name of the policy; empty if it has none.
	Name string
	// Attempt is the number of attempts made so far. Rejected tries are not counted.
	Attempt int
	// Err is the error of the try that has ended.
	Err error
	// Delay is how long the call waits now, jitter included.
	Delay time.Duration
	// Rejected says that the try was a rejection that is waited out, see
	// [RetryRejected].
	Rejected bool
}

// OnRetry adds a hook that sees each retry before its wait, such as to log it. ctx is
// the context of the call. The hook runs without a lock in the goroutine of the call,
// or of the caller of [Retrier.Next]. It should return quickly, as the call waits for
// it. A panic of the hook is contained and counted in [Snapshot.HookPanics]. A hook that
// calls runtime.Goexit ends the call, and its [Budget] gets the token back. Several
// hooks see a retry in the order in which they were given. Nil means no hook.
//
// Hooks do not see successes or calls that are given up on: [Retrier.Do] returns those.
func OnRetry(hook func(context.Context, Event)) Option {
	return func(p *Policy) {
		if hook != nil {
			p.onRetry = append(p.onRetry, hook)
		}
	}
}

// tell shows the retry that follows t to the hooks.
func (r *Retrier) tell(ctx context.Context, t *Try, delay time.Duration, rejected bool) {
	for _, hook := range r.policy.onRetry {
		r.show(ctx, hook, Event{Name: r.policy.name, Attempt: t.Attempt, Err: t.Err, Delay: delay, Rejected: rejected})
	}
}

// show runs one hook once.
func (r *Retrier) show(ctx context.Context, hook func(context.Context, Event), e Event) {
	returned := false
	defer func() {
		switch {
		case returned:
		case recover() != nil:
			r.counts.panics.Add(1)
		case !e.Rejected: // runtime.Goexit: the retry is not made
			r.policy.budget.restore()
		}
	}()
	hook(ctx, e)
	returned = true
}

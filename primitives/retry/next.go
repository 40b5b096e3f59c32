package retry

import (
	"context"
	"errors"
	"time"

	"github.com/weir-go/weir/primitives/outcome"
)

// Try describes the try that has just ended.
type Try struct {
	// Attempt is the number of attempts made so far, this one included. Below 1
	// counts as 1.
	Attempt int
	// Err is the error the try ended with.
	Err error
	// Waited is the [Verdict.Delay] before the attempt, 0 before the first. Only
	// [Custom] and [Decorrelated] delays look at it.
	Waited time.Duration
	// Began is when the call began, as [Retrier.Begin] says. [MaxElapsed] holds
	// only where it is set.
	Began time.Time
	// Deadline is when the call must have succeeded, for callers that do not keep
	// it in the context; the earlier of the two holds. Zero means none.
	Deadline time.Time
}

// Verdict is the decision about a [Try].
type Verdict struct {
	// Retry says to try again after Delay.
	Retry bool
	// Free says that the try was a rejection, which costs no attempt: the next
	// try has the same Attempt and Waited.
	Free bool
	// Delay is how long to wait before the next try, jitter included.
	Delay time.Duration
	// Reason is why not to try again. It is zero where Retry is true or the try
	// succeeded.
	Reason Reason
	// Err is what the call ends with: an [*Error], or the error of the try itself
	// where that means success. It is nil where Retry is true.
	Err error
}

// Begin returns what [Try.Began] is to be for a call that begins now: the time,
// or the zero Time, without a look at the clock, where the policy has no
// [MaxElapsed].
func (r *Retrier) Begin() time.Time {
	if r.policy.elapsed == 0 {
		return time.Time{}
	}
	return time.Now()
}

// Next decides what follows a try. It returns at once, keeps no state of the
// call, and counts the try in the [Snapshot]: call it once for each try. A nil
// error is a success. ctx is what the call runs under; a deadline of it, or of
// the try, that comes before the next try would start ends the call now.
//
// To try again costs no allocation; to give up costs the error.
func (r *Retrier) Next(ctx context.Context, t Try) Verdict {
	t.Attempt = max(t.Attempt, 1)
	if t.Err == nil {
		r.succeed(t.Attempt)
		return Verdict{}
	}
	o := r.policy.classify(ctx, t.Err)
	if o.Kind == outcome.Success {
		r.succeed(t.Attempt)
		return Verdict{Err: t.Err}
	}
	// Where ctx has ended, its own error is that of a try, which was cut short.
	free := o.Kind == outcome.Ignored && (ctx.Err() == nil || !errors.Is(t.Err, ctx.Err()))
	if free {
		t.Attempt--
	} else {
		r.fail(t.Attempt)
	}
	if ctx.Err() != nil && o.Kind != outcome.Permanent {
		return r.giveUp(&t, o, reasonOf(ctx), ended(ctx))
	}
	if why := r.policy.final(&t, o, free); why != undecided {
		return r.giveUp(&t, o, why, nil)
	}
	delay := r.policy.wait(&t, o.After)
	switch {
	case beyond(ctx, t.Deadline, delay):
		return r.giveUp(&t, o, Deadline, context.DeadlineExceeded)
	case r.policy.late(t.Began, delay):
		return r.giveUp(&t, o, Elapsed, nil)
	case free:
		r.counts.waits.Add(1)
	case !r.policy.budget.withdraw():
		return r.giveUp(&t, o, OverBudget, nil)
	default:
		r.counts.retries.Add(1)
	}
	return Verdict{Retry: true, Free: free, Delay: delay}
}

// Succeeded counts n calls whose first try succeeded, as n times [Retrier.Next]
// would.
func (r *Retrier) Succeeded(n int) {
	if n <= 0 {
		return
	}
	if !r.policy.uncounted {
		r.counts.succeeded.Add(uint64(n))
	}
	for range n {
		if !r.policy.budget.deposit() {
			break
		}
	}
}

// succeed and fail count an attempt. The first one of a call is the call's
// deposit, however it ended: it has reached the service.
func (r *Retrier) succeed(attempt int) {
	if attempt > 1 || !r.policy.uncounted {
		r.counts.succeeded.Add(1)
	}
	if attempt == 1 {
		r.policy.budget.deposit()
	}
}

func (r *Retrier) fail(attempt int) {
	r.counts.failed.Add(1)
	if attempt == 1 {
		r.policy.budget.deposit()
	}
}

// final is why there is no further try whatever time is left, or undecided. free
// says that t was a rejection.
func (p *Policy) final(t *Try, o outcome.Outcome, free bool) Reason {
	switch {
	case o.Kind == outcome.Permanent:
		return Permanent
	case free && !(p.rejected && o.After > 0):
		return Rejected
	case t.Attempt >= p.attempts, !free && p.limited(t):
		return Exhausted
	case o.After > p.patience:
		return Postponed
	case !free && !p.nested && triedInside(t.Err):
		return Nested
	}
	return undecided
}

// limited reports whether a [Limit] for the error of t is used up.
func (p *Policy) limited(t *Try) bool {
	for _, c := range p.classes {
		if t.Attempt >= c.attempts && c.match(t.Err) {
			return true
		}
	}
	return false
}

// late reports whether a try after a wait of d would begin too late for
// [MaxElapsed].
func (p *Policy) late(began time.Time, d time.Duration) bool {
	return p.elapsed > 0 && !began.IsZero() && later(max(time.Since(began), 0), d) > p.elapsed
}

// Abandon gives up on a call between two tries, because ctx has ended or
// because whoever keeps the call stops. It returns the [*Error] of the call; t
// is its last try, the zero Try where there was none. Where ctx has not ended,
// the reason is Cancelled and the cause [context.Canceled].
func (r *Retrier) Abandon(ctx context.Context, t Try) error {
	var o outcome.Outcome
	if t.Err != nil {
		o = r.policy.classify(ctx, t.Err)
	}
	if ctx.Err() == nil {
		return r.giveUp(&t, o, Cancelled, context.Canceled).Err
	}
	return r.giveUp(&t, o, reasonOf(ctx), ended(ctx)).Err
}

func (r *Retrier) giveUp(t *Try, o outcome.Outcome, why Reason, cause error) Verdict {
	r.counts.gaveUp[why].Add(1)
	return Verdict{Reason: why, Err: &Error{
		Name: r.policy.name, Attempts: t.Attempt, Reason: why, Err: t.Err, Cause: cause, meaning: o,
	}}
}

// reasonOf says how ctx has ended.
func reasonOf(ctx context.Context) Reason {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return Deadline
	}
	return Cancelled
}

// beyond reports whether a wait of d would end at or after the deadline.
func beyond(ctx context.Context, deadline time.Time, d time.Duration) bool {
	if own, ok := ctx.Deadline(); ok && (deadline.IsZero() || own.Before(deadline)) {
		deadline = own
	}
	return !deadline.IsZero() && time.Until(deadline) <= d
}

// classify is the default classifier. A permanent mark that reached us through
// another retrier has done its work there: it stopped that one's attempts, and
// ours are not its business. A mark put around that retrier's error is meant
// for us.
func classify(ctx context.Context, err error) outcome.Outcome {
	o := outcome.Classify(ctx, err)
	if o.Kind == outcome.Permanent && inner(err) != nil {
		o.Kind = outcome.Failure
	}
	return o
}

// inner returns the error of a retrier inside the call, unless somebody has put
// a mark of his own around it.
func inner(err error) *Error {
	told, _ := errors.AsType[interface {
		error
		Outcome() outcome.Outcome
	}](err)
	e, _ := told.(*Error)
	return e
}

// triedInside reports whether a retrier inside the call has made retries for
// err, or was not allowed to: in both cases ours would be too many.
func triedInside(err error) bool {
	e := inner(err)
	return e != nil && (e.Attempts > 1 || e.Reason == OverBudget || e.Reason == Nested)
}

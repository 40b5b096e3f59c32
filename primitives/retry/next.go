package retry

import (
	"context"
	"errors"
	"time"

	"github.com/weir-go/weir/primitives/outcome"
)

// Try describes the try that has just ended.
type Try struct {
	// Attempt is the number of attempts made so far, this one included. A value below 1
	// counts as 1.
	Attempt int
	// Err is the error the try ended with.
	Err error
	// Failure is the error of the last try that was neither a rejection nor this one;
	// nil if there was none. It is kept in [Error.Failure].
	Failure error
	// Waited is the [Verdict.Delay] before the attempt, 0 before the first. Only [Custom]
	// and [Decorrelated] delays depend on it.
	Waited time.Duration
	// Began is when the call began, as [Retrier.Begin] says. [MaxElapsed] holds only if it
	// is set.
	Began time.Time
	// Deadline is when the call must have succeeded, for callers that do not keep the
	// deadline in the context. The earlier of the two holds. Zero means none.
	Deadline time.Time
}

// Verdict is the decision about a [Try].
type Verdict struct {
	// Retry says to try again after Delay.
	Retry bool
	// Free says that the try was a rejection, which costs no attempt: the next try has the
	// same Attempt, Waited and Failure.
	Free bool
	// Delay is how long to wait before the next try, jitter included.
	Delay time.Duration
	// Reason is why the call is not tried again. It is zero if Retry is true or the try
	// succeeded.
	Reason Reason
	// Err is what the call ends with: an [*Error], or the error of the try itself if that
	// means success. It is nil if Retry is true.
	Err error
}

// Begin returns [Try.Began] for a call that begins now: the time, or the zero Time if the
// policy has no [MaxElapsed]. Then it does not look at the clock.
func (r *Retrier) Begin() time.Time {
	if r.policy.elapsed == 0 {
		return time.Time{}
	}
	return time.Now()
}

// Next decides what follows a try. It returns at once, keeps no state of the call, and
// counts the try in the [Snapshot]: call it once for each try. A nil error is a success.
// ctx is the context of the call. A deadline of ctx, or of the try, that comes before the
// next try would start ends the call now.
//
// A verdict to try again costs no allocation. A verdict to give up allocates the error.
func (r *Retrier) Next(ctx context.Context, t Try) Verdict {
	if r.Err() != nil {
		return r.refuse(t.Err)
	}
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
	free := o.Kind == outcome.Ignored && rejected(ctx, t.Err)
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
	case !free && !r.policy.budget.withdraw():
		return r.giveUp(&t, o, OverBudget, nil)
	}
	r.tell(ctx, &t, delay, free)
	if free {
		r.counts.waits.Add(1)
	} else {
		r.counts.retries.Add(1)
	}
	return Verdict{Retry: true, Free: free, Delay: delay}
}

// rejected reports whether a try whose error is ignored has not reached the service. While
// ctx goes on, that is what ignored means. Once ctx has ended, the error can also be that of
// a try that was cut short, in any form that a client gives it. Then an error counts as a
// rejection only if it has that meaning itself.
func rejected(ctx context.Context, err error) bool {
	if ctx.Err() == nil {
		return true
	}
	told, ok := errors.AsType[teller](err)
	if e, retried := told.(*Error); retried {
		return e.Attempts == 0
	}
	return ok
}

// Succeeded counts n calls whose first try succeeded, as n calls of [Retrier.Next] would.
func (r *Retrier) Succeeded(n int) {
	if n <= 0 || r.Err() != nil {
		return
	}
	if !r.policy.uncounted {
		r.counts.succeeded.Add(uint64(n))
	}
	r.policy.budget.deposit(n)
}

// succeed and fail count an attempt. The first attempt of a call makes the deposit for the
// call, however it ended: it has reached the service.
func (r *Retrier) succeed(attempt int) {
	if attempt > 1 || !r.policy.uncounted {
		r.counts.succeeded.Add(1)
	}
	if attempt == 1 {
		r.policy.budget.deposit(1)
	}
}

func (r *Retrier) fail(attempt int) {
	r.counts.failed.Add(1)
	if attempt == 1 {
		r.policy.budget.deposit(1)
	}
}

// final returns why there is no further try, whatever time is left, or undecided. free says
// that t was a rejection.
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

// late reports whether a try after a wait of d would begin too late for [MaxElapsed].
func (p *Policy) late(began time.Time, d time.Duration) bool {
	return p.elapsed > 0 && !began.IsZero() && later(max(time.Since(began), 0), d) > p.elapsed
}

// Abandon gives up on a call between two tries, because ctx has ended or because the caller
// of Abandon stops. It returns the [*Error] of the call. t is the last try, the zero Try if
// there was none. If ctx has not ended, the reason is Abandoned and the error has no cause.
func (r *Retrier) Abandon(ctx context.Context, t Try) error {
	if r.Err() != nil {
		return r.refuse(t.Err).Err
	}
	var o outcome.Outcome
	if t.Err != nil {
		// The try ended before ctx did, so its error is not that of a cancellation.
		o = r.policy.classify(context.WithoutCancel(ctx), t.Err)
	}
	if ctx.Err() == nil {
		return r.giveUp(&t, o, Abandoned, nil).Err
	}
	return r.giveUp(&t, o, reasonOf(ctx), ended(ctx)).Err
}

// refuse ends a call because r cannot be used. err is the error of a try that the caller of
// Next has made, or nil.
func (r *Retrier) refuse(err error) Verdict {
	return r.giveUp(&Try{Err: err}, outcome.Outcome{}, Invalid, r.Err())
}

func (r *Retrier) giveUp(t *Try, o outcome.Outcome, why Reason, cause error) Verdict {
	r.counts.gaveUp[why].Add(1)
	e := &Error{Name: r.policy.name, Attempts: t.Attempt, Reason: why, Err: t.Err, Cause: cause, meaning: o}
	if o.Kind == outcome.Ignored {
		e.Failure = t.Failure
	}
	return Verdict{Reason: why, Err: e}
}

// reasonOf says how ctx has ended.
func reasonOf(ctx context.Context) Reason {
	if outcome.Cancelled(ctx) {
		return Cancelled
	}
	return Deadline
}

// beyond reports whether a wait of d would end at or after the deadline.
func beyond(ctx context.Context, deadline time.Time, d time.Duration) bool {
	if own, ok := ctx.Deadline(); ok && (deadline.IsZero() || own.Before(deadline)) {
		deadline = own
	}
	return !deadline.IsZero() && time.Until(deadline) <= d
}

// classify is the default classifier. A permanent mark inside the error of another retrier
// has stopped the attempts of that retrier, and says nothing about the attempts of this
// one. A mark around that error is for this retrier.
func classify(ctx context.Context, err error) outcome.Outcome {
	o := outcome.Classify(ctx, err)
	if e := inner(err); o.Kind == outcome.Permanent && e != nil && e.Reason != Invalid {
		o.Kind = outcome.Failure
	}
	return o
}

// inner returns the error of a retrier inside the call, or nil. An error with a mark around
// it is not one.
func inner(err error) *Error {
	told, _ := errors.AsType[teller](err)
	e, _ := told.(*Error)
	return e
}

// teller is an error with a meaning of its own.
type teller interface {
	error
	Outcome() outcome.Outcome
}

// triedInside reports whether a retrier inside the call, at any depth, has made retries for
// err or was not allowed to. In both cases further retries are too many.
func triedInside(err error) bool {
	for e := inner(err); e != nil; e = inner(e.Err) {
		if e.Attempts > 1 || e.Reason == OverBudget || e.Reason == Nested {
			return true
		}
	}
	return false
}

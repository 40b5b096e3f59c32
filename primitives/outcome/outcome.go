package outcome

import (
	"context"
	"errors"
	"time"
)

// Kind is the class of an [Outcome].
type Kind uint8

const (
	// Success: the call did its work.
	Success Kind = iota
	// Failure: the call failed and can succeed when it is tried again.
	Failure
	// Ignored: the call says nothing about the service. Its caller cancelled it, or
	// it was rejected before it reached the service.
	Ignored
	// Throttled: the service answers and asks for a pause. It is a failure that
	// carries its own delay.
	Throttled
	// Permanent: the service answered that this call cannot succeed, however
	// often it is tried.
	Permanent
)

// String returns the name of k in lower case.
func (k Kind) String() string {
	switch k {
	case Success:
		return "success"
	case Failure:
		return "failure"
	case Ignored:
		return "ignored"
	case Throttled:
		return "throttled"
	case Permanent:
		return "permanent"
	}
	return "unknown"
}

// Outcome is the meaning of a finished call. The zero value is a success.
type Outcome struct {
	Kind Kind
	// After is how long to wait before the next call, as the service or the
	// rejecting policy said. It is 0 if no time was said, and never negative.
	After time.Duration
}

// A Classifier maps the error of a call to its meaning. The context is the one
// that the caller brought, so the classifier can tell whether the caller has
// cancelled the call; see [Cancelled]. A Classifier must be safe for concurrent
// use. The packages never call it under a lock.
type Classifier func(ctx context.Context, err error) Outcome

// teller is an error with a meaning of its own.
type teller interface {
	error
	Outcome() Outcome
}

// Classify is the default [Classifier]. The first rule that applies decides:
//
//   - nil is a success;
//   - an error with an Outcome() method, at any depth of its chain, means what
//     that method returns. The outermost one wins;
//   - an error that wraps [context.DeadlineExceeded] is a failure;
//   - any other error is ignored if the caller has cancelled ctx, see [Cancelled];
//   - everything else is a failure.
//
// Classify does not allocate. A success costs a few nanoseconds. A nil ctx
// counts as one that has not ended.
func Classify(ctx context.Context, err error) Outcome {
	if err == nil {
		return Outcome{}
	}
	if told, ok := errors.AsType[teller](err); ok {
		o := told.Outcome()
		o.After = max(o.After, 0)
		return o
	}
	if Cancelled(ctx) && !errors.Is(err, context.DeadlineExceeded) {
		return Outcome{Kind: Ignored}
	}
	return Outcome{Kind: Failure}
}

// Cancelled reports whether ctx has ended because the caller cancelled it, and
// not because a deadline passed. A classifier of your own uses it for the errors
// that a client library makes of a cancelled context.
//
// A deadline has passed if the error of ctx says so, or if its cause is
// [context.DeadlineExceeded]. The cause matters for a function that several callers
// share. Its context has none of their deadlines, and is cancelled with that cause
// when the last of them passes.
//
// The cause does not count if ctx has a deadline of its own that has not passed.
// Then the timeout was that of another call, as when an errgroup cancels all calls
// because one timed out. A nil ctx is not cancelled.
func Cancelled(ctx context.Context) bool {
	if ctx == nil || ctx.Err() == nil || errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return false
	}
	if !errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
		return true
	}
	deadline, ok := ctx.Deadline()
	return ok && time.Until(deadline) > 0
}

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
	// Failure: the call failed and may succeed when tried again.
	Failure
	// Ignored: the call says nothing about the service. It was cancelled by its
	// caller, or rejected before it reached the service.
	Ignored
	// Throttled: the service is there and asks to be left alone for a while. It
	// is a failure that carries its own delay.
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
	// After is how long to wait before the next call, as told by whoever
	// refused this one; 0 where nothing was told. It is never negative.
	After time.Duration
}

// A Classifier maps the error of a call to its meaning. The context is the one
// the caller brought, so that the classifier can tell the caller's own
// cancellation from the service's. It must be safe for concurrent use and is
// never called under a lock.
type Classifier func(ctx context.Context, err error) Outcome

// teller is an error that says what it means.
type teller interface {
	error
	Outcome() Outcome
}

// Classify is the default [Classifier]:
//
//   - nil is a success;
//   - an error that carries an Outcome() method, at any depth of its chain,
//     means what that method returns (the outermost one wins);
//   - [context.Canceled] is ignored where ctx itself has been cancelled;
//   - everything else is a failure, also a deadline hit inside the call.
//
// It does not allocate, and a success costs a few nanoseconds.
func Classify(ctx context.Context, err error) Outcome {
	if err == nil {
		return Outcome{}
	}
	if told, ok := errors.AsType[teller](err); ok {
		o := told.Outcome()
		o.After = max(o.After, 0)
		return o
	}
	if errors.Is(err, context.Canceled) && errors.Is(ctx.Err(), context.Canceled) {
		return Outcome{Kind: Ignored}
	}
	return Outcome{Kind: Failure}
}

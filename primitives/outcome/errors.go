package outcome

import "time"

// Error is an error together with its meaning. [AsPermanent], [AsThrottled] and
// [AsIgnored] make it. It is transparent: its text is the text of Err, and
// errors.Is and errors.As find Err in it.
type Error struct {
	Err     error
	Meaning Outcome
}

// Error returns the text of the wrapped error, or the name of the meaning if
// there is no such error.
func (e *Error) Error() string {
	if e.Err == nil {
		return "outcome: " + e.Meaning.Kind.String()
	}
	return e.Err.Error()
}

// Unwrap returns the wrapped error.
func (e *Error) Unwrap() error { return e.Err }

// Outcome returns the meaning given to the error.
func (e *Error) Outcome() Outcome { return e.Meaning }

// AsPermanent marks err as one that no further try can change, such as a request
// that the service rejects as invalid. It returns nil for nil.
func AsPermanent(err error) error { return mark(err, Outcome{Kind: Permanent}) }

// AsThrottled marks err as the request of a service for a pause of the length
// after, such as a 429 with Retry-After. A negative after counts as 0. It returns
// nil for nil.
func AsThrottled(err error, after time.Duration) error {
	return mark(err, Outcome{Kind: Throttled, After: max(after, 0)})
}

// AsIgnored marks err as one that says nothing about the service, such as a wait
// for a connection that ended before the call began. It returns nil for nil.
func AsIgnored(err error) error { return mark(err, Outcome{Kind: Ignored}) }

func mark(err error, o Outcome) error {
	if err == nil {
		return nil
	}
	return &Error{Err: err, Meaning: o}
}

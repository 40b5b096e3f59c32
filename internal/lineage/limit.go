package lineage

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unsafe"

	"github.com/weir-go/weir/internal/fault"
	"github.com/weir-go/weir/primitives/outcome"
)

// Limit is what ends the work on an item: the time by which it must be done, and the
// context that it carries. Either may be missing.
type Limit struct {
	Ctx      context.Context
	Deadline int64 // in the time of the run; 0 for none
	Late     error // the error of an item that is not done by the deadline
	kin      *kin  // for hooks: the contexts of the items that it was made of

	first *CallContext // memory for the context of the first call; may be nil
}

// Limit returns what ends the work on the item. The trail may be nil.
func (t *Trail) Limit() Limit {
	x := t.peek()
	if x == nil {
		return Limit{}
	}
	return Limit{Ctx: x.ctx, Deadline: x.deadline, Late: fault.ErrExpired, kin: x.kin}
}

// With returns the limit with memory for the context of the first call. The memory must be zero.
func (l Limit) With(first *CallContext) Limit {
	l.first = first
	return l
}

// Bounded reports whether there is a limit.
func (l *Limit) Bounded() bool { return l.Deadline != 0 || l.Ctx != nil || l.kin != nil }

// SameAs reports whether both limits have the same context and the same deadline, and nothing else.
// Contexts and errors are compared by identity, since the comparison of two interface values can
// panic.
func (l *Limit) SameAs(other *Limit) bool {
	return l.Deadline == other.Deadline && l.kin == nil && other.kin == nil &&
		*(*[2]unsafe.Pointer)(unsafe.Pointer(&l.Ctx)) == *(*[2]unsafe.Pointer)(unsafe.Pointer(&other.Ctx)) &&
		*(*[2]unsafe.Pointer)(unsafe.Pointer(&l.Late)) == *(*[2]unsafe.Pointer)(unsafe.Pointer(&other.Late))
}

// Over returns why the work on the item must not begin, nil if it may.
func (l *Limit) Over(c Clock) error {
	if l.Deadline != 0 && c.Now() >= l.Deadline {
		return l.Late
	}
	if l.Ctx == nil {
		return nil
	}
	if l.Ctx.Err() != nil {
		return l.Gone()
	}
	if by, ok := l.Ctx.Deadline(); ok && !time.Now().Before(by) { // its timer has not ended it yet
		return fmt.Errorf("%w: %w", fault.ErrExpired, context.DeadlineExceeded)
	}
	return nil
}

// Gone returns the failure of an item whose context has ended.
func (l *Limit) Gone() error { return fmt.Errorf("%w: %w", fault.ErrExpired, context.Cause(l.Ctx)) }

// Blame returns the error of a call that ended with err, with the limit added if the limit is the
// reason. If a deadline passed during the call, the called service has failed, whether a source or
// a stage set the deadline. If the caller has canceled, the error says nothing about the service.
func (l *Limit) Blame(c Clock, ctx context.Context, err error) error {
	switch {
	case err == nil || fault.IsExpired(err):
		return err
	case l.Ctx != nil && l.Ctx.Err() != nil && !errors.Is(l.Ctx.Err(), context.DeadlineExceeded):
		if !errors.Is(err, context.Canceled) && !errors.Is(err, context.Cause(l.Ctx)) {
			return err
		}
		return fmt.Errorf("%w: %w", l.Gone(), err)
	case ctx.Err() == nil || errors.Is(err, l.late(c)):
		return err
	case !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled):
		return err
	}
	return &lateError{fmt.Errorf("%w: %w", l.late(c), err)}
}

// BlameWait returns the error of a wait for a permit that ended with err, with the limit added if
// the limit is the reason. The error of the primitive comes first: the service was not called.
func (l *Limit) BlameWait(c Clock, err error) error {
	late := l.Over(c)
	switch {
	case late != nil && (errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)):
	case !errors.Is(err, context.DeadlineExceeded) || !l.Bounded():
		return err
	case l.Deadline != 0: // the permit would come after the deadline
		late = l.Late
	default:
		late = fault.ErrExpired
	}
	return fmt.Errorf("%w: %w", err, late)
}

// late returns the error of an item whose deadline has passed: its own, or that of its context.
func (l *Limit) late(c Clock) error {
	if l.Deadline == 0 || c.Now() < l.Deadline {
		return fault.ErrExpired
	}
	return l.Late
}

// lateError is the error of a call that began in time and did not end in time.
type lateError struct{ error }

func (e *lateError) Unwrap() error { return e.error }

// Outcome says that the service failed: it was called, and did not answer in time.
func (e *lateError) Outcome() outcome.Outcome { return outcome.Outcome{Kind: outcome.Failure} }

// Within returns the context of a call for an item with limits. It has the values of the item's
// context. It ends with ctx, with the item's context, and at the deadline. The caller must call End
// after the call.
func (l *Limit) Within(ctx context.Context, clock Clock) *CallContext {
	c := l.Memory()
	if c == nil {
		c = &CallContext{}
	}
	return l.WithinNew(c, ctx, clock)
}

// Memory returns the memory for the context of a call. It is nil if there is none, or if it is in
// use.
func (l *Limit) Memory() *CallContext {
	if l.first == nil || l.first.run != nil {
		return nil
	}
	return l.first
}

// WithinNew is Within with the memory c, which must be new.
func (l *Limit) WithinNew(c *CallContext, ctx context.Context, clock Clock) *CallContext {
	c.run, c.item, c.late = ctx, l.Ctx, l.Late
	if l.Deadline != 0 {
		c.deadline = clock.Time(l.Deadline)
	}
	return c
}

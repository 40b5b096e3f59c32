package natsio

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// lease is a message that a source holds, and the context of its item. A settled lease is in no
// ring. A lost lease is in a ring of its own.
//
// The lease makes a context of the standard library when a function asks for Done, or when the
// lease is lost. So an item whose function does not ask costs no allocation here.
type lease struct {
	msg        jetstream.Msg
	since      time.Duration // time at which it arrived, or at which its last successful renewal was sent
	prev, next *lease
	std        atomic.Pointer[standard]
}

// standard is a context of the standard library.
type standard struct {
	context.Context
	end context.CancelCauseFunc
}

// Deadline implements context.Context.
func (l *lease) Deadline() (time.Time, bool) { return time.Time{}, false }

// Done implements context.Context.
func (l *lease) Done() <-chan struct{} { return l.open().Done() }

// Err implements context.Context.
func (l *lease) Err() error {
	if s := l.std.Load(); s != nil {
		return s.Err()
	}
	return nil
}

// Value implements context.Context. It has only the values by which package context finds causes,
// and the parent of contexts that it derives.
func (l *lease) Value(key any) any {
	if s := l.std.Load(); s != nil {
		return s.Value(key)
	}
	return nil
}

// open returns an equivalent context of the standard library.
func (l *lease) open() *standard {
	if s := l.std.Load(); s != nil {
		return s
	}
	s := &standard{}
	s.Context, s.end = context.WithCancelCause(context.Background())
	if !l.std.CompareAndSwap(nil, s) {
		return l.std.Load() // another goroutine was first; the context of this one has no watcher
	}
	return s
}

// close ends the context, if user code has asked for it.
func (l *lease) close(cause error) {
	if s := l.std.Load(); s != nil {
		s.end(cause)
	}
}

// lost reports whether the lease is lost. The message must not be settled.
func (l *lease) lost() bool { return l.next == l }

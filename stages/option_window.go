package stages

import (
	"context"
	"time"

	"github.com/weir-go/weir/internal/typed"
)

// EventTime makes a Window use the time that is in an item, not the time of its arrival.
// Items may come late: a window leaves when the time of an item is at least lateness after
// the window's end. T must be the type of the items, or the flow is not valid. A time before
// 1830 or after 2110, such as a time that was never set, fails the item, and so does a panic
// of at.
func EventTime[T any](at func(T) time.Time, lateness time.Duration) WindowOption {
	return windowOption{func(s *Settings) {
		s.EventTime, s.Lateness = at, lateness
		s.check(at == nil, "event time function is nil")
		s.check(lateness < 0, "lateness is negative: %v", lateness)
	}}
}

// Idleness makes a Window with an [EventTime] close all open windows when no item has
// arrived for d. It closes them as if the watermark had passed the end of the last window.
// None of them is Partial, and an item that still comes for one of them is late. So d must
// exceed the pauses of a stream that goes on.
func Idleness(d time.Duration) WindowOption {
	return windowOption{func(s *Settings) {
		s.Idleness = d
		s.check(d <= 0, "idleness must be positive, not %v", d)
	}}
}

// Late makes a Window call f for each item whose windows have all left. If f returns nil,
// the item is dropped, as filtered. If f returns an error or panics, the item fails, and a
// DeadLetter stage can keep it. T must be the type of the items, or the flow is not valid.
func Late[T any](f func(context.Context, T) error) WindowOption {
	return windowOption{func(s *Settings) {
		s.Late = f
		s.check(f == nil, "function for late items is nil")
	}}
}

// PerKey makes a Window keep separate windows for each key, such as the sessions of each
// user. A key is forgotten with its last window. T must be the type of the items, or the
// flow is not valid. A panic of key, a key that cannot be hashed, or one that is not equal
// to itself fails the item.
func PerKey[T any, K comparable](key func(T) K) WindowOption {
	return windowOption{func(s *Settings) {
		s.check(key == nil, "key function is nil")
		s.Key = typed.KeyFunc[T, K](key)
	}}
}

package flow

import (
	"time"

	"github.com/weir-go/weir/stages"
)

// Debounce sends on an item when no other has come for d after it, and drops it
// when one has; see [stages.Debounce]. It takes [stages.MaxWait], and is named
// "debounce" unless [Name] is set.
func (s *Stream[T]) Debounce(d time.Duration, opts ...Option) *Stream[T] {
	return via(s, "debounce", stages.Debounce[T](d, opts...), stages.Apply(opts...))
}

// Delay sends each item on d after it came; see [stages.Delay]. It takes
// [stages.Capacity], and is named "delay" unless [Name] is set.
func (s *Stream[T]) Delay(d time.Duration, opts ...Option) *Stream[T] {
	return via(s, "delay", stages.Delay[T](d, opts...), stages.Apply(opts...))
}

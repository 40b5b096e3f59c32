package flow

import "github.com/weir-go/weir/stages"

// WindowOf is the type [stages.WindowOf] of T. It is there for the compiler, as
// [SliceOf] is; W is always inferred.
type WindowOf[T any] interface{ stages.WindowOf[T] }

// Window groups items into windows of time: [stages.Tumbling], [stages.Sliding]
// or [stages.Session]; see [stages.Window]. It takes [stages.EventTime], [stages.Idleness],
// [stages.Late], [stages.PerKey] and [stages.Capacity], and is named "window"
// unless [Name] is set.
func (s *Stream[T]) Window[W WindowOf[T]](p stages.WindowPolicy, opts ...Option) *Stream[W] {
	var stage any = stages.Window[T](p, opts...) // W is a WindowOf[T], which the compiler cannot see
	return via(s, "window", stage.(stages.Stage[T, W]), stages.Apply(opts...))
}

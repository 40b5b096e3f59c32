package stages

import "context"

// Remember is a stage that keeps each item's value as it is now: whatever
// becomes of the item, a failure shows it as [ItemError.Origin]. Right after a
// source it is what dead letters need to be played again from the beginning.
// It costs the value's conversion to an interface, and keeps the value alive as
// long as the item is in the flow.
func Remember[T any]() Stage[T, T] { return rememberer[T]{} }

type rememberer[T any] struct{}

func (rememberer[T]) Run(_ context.Context, in *Inlet[T], out *Outlet[T]) error {
	for it := range in.All() {
		if it.trail == nil {
			it.trail = out.keep(in.rt.now())
		}
		it.trail.remember(it.Value)
		out.Send(it)
	}
	return nil
}

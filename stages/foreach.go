package stages

import "context"

// ForEach is a sink that calls f for each value, in order, one at a time. An
// error or a panic fails the item; and as a failure at the end of a flow has
// nowhere to go, the run stops with it. [ErrDrop] drops the item instead.
func ForEach[T any](f func(context.Context, T) error) Sink[T] { return forEach[T]{f} }

type forEach[T any] struct {
	f func(context.Context, T) error
}

func (s forEach[T]) Validate() error { return needs(s.f == nil, "function is nil") }

func (s forEach[T]) Run(_ context.Context, in *Inlet[T]) error {
	w := worker[T, struct{}]{rt: in.rt, node: in.node, f: detached(in.rt, in.node, func(ctx context.Context, v T) (struct{}, error) {
		return struct{}{}, s.f(ctx, v)
	})}
	in.node.serve(s.f)
	var done releases
	settle := func(results []Item[struct{}]) {
		for _, r := range results {
			switch {
			case r.fault == dropped:
			case r.fault != nil:
				in.pass(r.fault, r.trail)
			default:
				done.add(r.trail)
			}
		}
		done.flush()
		w.rest(!in.pending())
	}
	for {
		group := in.group(w.pace.group())
		if group == nil {
			return nil
		}
		settle(w.do(group, settle))
	}
}

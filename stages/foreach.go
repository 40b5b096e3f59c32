package stages

import "context"

// ForEach is a sink that calls f for each value, in order, one at a time. An
// error or a panic fails the item; and as a failure at the end of a flow has
// nowhere to go, the run stops with it. [ErrDrop] drops the item instead.
func ForEach[T any](f func(context.Context, T) error) Sink[T] { return &forEach[T]{f} }

type forEach[T any] struct {
	f func(context.Context, T) error
}

func (s *forEach[T]) Validate() error { return needs(s.f == nil, "function is nil") }

// Run is called once; inlined, it would be made again in its wrapper, with all
// that it holds.
//
//go:noinline
func (s *forEach[T]) Run(_ context.Context, in *Inlet[T]) error {
	w := newSolo(in, detached(in.rt, in.node, func(ctx context.Context, v T) (struct{}, error) {
		return struct{}{}, s.f(ctx, v)
	}))
	in.node.serve(s.f)
	w.worker.final = true
	var done releases
	w.send = func(results []Item[struct{}]) {
		for i := range results {
			switch r := &results[i]; r.fault {
			case nil:
				if r.trail != nil {
					done.add(r.trail)
				}
			case dropped:
			default:
				passBy(in, r.fault, r.trail)
			}
		}
		done.flush()
	}
	return outlive(in.node, func() error {
		w.run()
		return nil
	})
}

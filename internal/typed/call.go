package typed

import (
	"context"

	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/primitives/retry"
)

// around makes a call in a special way: apart, or with copies (hedged). Results are pointers in an
// interface, so that one function serves calls of all types.
type around func(ctx context.Context, call func(context.Context) (any, error)) (any, error)

// Called returns f, or a function that calls f with the copies that source asks for. In a run that
// can leave calls behind, that function also calls f in a goroutine of its own.
func Called[I, O any](n *kernel.Node, source retry.Source, f func(context.Context, I) (O, error)) (func(context.Context, I) (O, error), error) {
	n.Serves(f)
	do, err := aroundOf(n, source)
	if do == nil || err != nil {
		return f, err
	}
	return func(ctx context.Context, v I) (out O, _ error) {
		got, err := do(ctx, func(ctx context.Context) (any, error) {
			o, err := f(ctx, v)
			return &o, err
		})
		if o, ok := got.(*O); ok {
			out = *o
		}
		return out, err
	}, nil
}

// Detached is Called without copies.
func Detached[I, O any](n *kernel.Node, f func(context.Context, I) (O, error)) func(context.Context, I) (O, error) {
	f, _ = Called(n, nil, f)
	return f
}

// aroundOf returns how the node makes its calls, nil for a plain call.
func aroundOf(n *kernel.Node, source retry.Source) (do around, _ error) {
	if n.Run().Detached() {
		do = apart(n)
	}
	if source == nil {
		return do, nil
	}
	r, err := source.Retrier()
	if err != nil {
		return nil, err
	}
	n.Observe(func() any { return r.Snapshot() })
	return hedged(r, do), nil
}

// apart makes calls that the run can leave behind.
func apart(n *kernel.Node) around {
	return func(ctx context.Context, call func(context.Context) (any, error)) (any, error) {
		var got any // a call that is left behind may still write here
		left, err := n.Apart(func() (err error) {
			got, err = call(ctx)
			return err
		})
		if left {
			return nil, err
		}
		return got, err
	}
}

// hedged makes calls with copies. Each copy is called by do, unless do is nil.
func hedged(r *retry.Retrier, do around) around {
	return func(ctx context.Context, call func(context.Context) (any, error)) (any, error) {
		got, err := r.Do(ctx, func(ctx context.Context) (any, error) {
			if do == nil {
				return call(ctx)
			}
			return do(ctx, call)
		})
		return got, unretried(err)
	}
}

// unretried returns the error of a single attempt without the wrapping of package retry: the layers
// outside must see what the function returned.
func unretried(err error) error {
	if e, ok := err.(*retry.Error); ok && e.Attempts <= 1 && e.Err != nil { //nolint:errorlint // the outermost alone
		return e.Err
	}
	return err
}

// DetachedEnd is Detached for the function of a sink.
func DetachedEnd[T any](n *kernel.Node, f func(context.Context, T) error) func(context.Context, T) error {
	n.Serves(f)
	if !n.Run().Detached() {
		return f
	}
	return func(ctx context.Context, v T) error {
		_, err := n.Apart(func() error { return f(ctx, v) })
		return err
	}
}

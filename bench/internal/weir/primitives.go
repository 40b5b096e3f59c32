package weir

import (
	"context"
	"errors"
	"time"

	"github.com/weir-go/weir/bench/internal/work"
	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/dedup"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/retry"
)

// Call is f inside the primitives of a Section, without any stream.
func Call(f work.Step, wait time.Duration) work.Step {
	g, err1 := guard.New(limited())
	d, err2 := dedup.New[int, int](shared())
	b, err3 := breaker.New(fused())
	r, err4 := retry.New(retried(wait))
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		panic(err) // the policies are literals
	}
	return func(ctx context.Context, v int) (int, error) {
		call := func(ctx context.Context) (int, error) { return f(ctx, v) }
		retried := func(ctx context.Context) (int, error) { return r.Do(ctx, call) }
		fused := func(ctx context.Context) (int, error) { return b.Do(ctx, retried) }
		shared := func(ctx context.Context) (int, error) { return d.Do(ctx, v, fused) }
		return g.Do(ctx, shared)
	}
}

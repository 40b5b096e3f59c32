package operator

import (
	"context"
	"errors"
	"time"

	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/internal/typed"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/internal/bulk"
)

// MapBatch is a [Map] whose function takes many items in one call, such as a bulk request. A call
// gets up to n items. It gets fewer if d has passed since the first of them came; if d is 0, only
// the end of the stream makes a batch smaller. In a drain nothing waits.
//
//	in:   --1-2-3----------4------------|
//	f:            [1 2 3]         [4]
//	out:  ---------10-20-30-------40----|
//
// The items stay what they are: each has its own result, timings and acknowledgement. f returns
// a result for each, in their order. If f returns a *[stages.BatchError], the items in it fail,
// and the others are done. If f returns any other error, panics, or returns another number of
// results, all items of the batch fail.
//
// It takes [stages.Workers], for as many calls at a time, and [stages.Unordered]. A call may
// keep the slice that it gets. Beside the batches in the calls the stage holds one that is being
// made. An item whose deadline has passed is not in the batch, but no call ends early for a
// deadline.
func MapBatch[I, O any](n int, d time.Duration, f func(context.Context, []I) ([]O, error), opts ...stages.BulkOption) stages.Stage[I, O] {
	return &mapBatch[I, O]{f, bulk.Settings{Size: n, Delay: d, Options: stages.Apply(opts...)}}
}

type mapBatch[I, O any] struct {
	f        func(context.Context, []I) ([]O, error)
	settings bulk.Settings
}

// Validate implements [stages.Validator].
func (s *mapBatch[I, O]) Validate() error {
	return errors.Join(needs(s.f == nil, "function is nil"), s.settings.Validate())
}

func (s *mapBatch[I, O]) Run(_ context.Context, in *stages.Inlet[I], out *stages.Outlet[O]) error {
	k, o := kernel.Of(in), kernel.OutletOf(out)
	f := typed.Detached(k.Node(), s.f)
	bulk.Run(k, s.settings, func() bulk.Batch {
		return &batch[I, O]{Values: bulk.Values[I]{In: k}, f: f, out: o}
	})
	return nil
}

// batch is a batch of a MapBatch.
type batch[I, O any] struct {
	bulk.Values[I]
	f       func(context.Context, []I) ([]O, error)
	out     *kernel.Outlet
	results []O
}

// Call implements [bulk.Batch].
func (b *batch[I, O]) Call(ctx context.Context, live []int) (results int, err error) {
	b.results, err = b.f(ctx, b.Copy(live))
	return len(b.results), err
}

// Send implements [bulk.Batch].
func (b *batch[I, O]) Send(m *kernel.Meta, i int) { typed.Send(b.out, m, b.results[i]) }

package ack

import (
	"context"

	"github.com/weir-go/weir/stages"
)

// Deliver is Emit for values with a receipt: an ID, a number of deliveries, or a journey through
// other parts of the graph. If the receipt has a context, the values see what that holds in place
// of ctx. The Ack and the Lot of the receipt are ignored.
func (c *Commits[K, P]) Deliver[T any](ctx context.Context, out *stages.Outlet[T], partition K, position P, r stages.Receipt, values ...T) error {
	d := &delivery[K, P, T]{c: c, out: out, receipt: &r, values: values}
	d.at = position
	p, _, steers, err := c.await(ctx, partition, 1, d.self)
	if err != nil {
		return err
	}
	d.enter(p, &itemContext{p.ctx, ctx})
	if !out.Deliver(*d.receipt, values...) {
		c.undo(p, &d.position)
		return aborted(ctx)
	}
	if steers {
		c.steer(p)
	}
	return nil
}

// aborted returns the error of values that were not emitted.
func aborted(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return stages.ErrAborted
}

// Positions are neighbours in a partition, for [Commits.DeliverAll]: Values[i] is the value of
// position At[i], and Receipts[i] is what is known of it.
type Positions[P, T any] struct {
	At       []P
	Receipts []stages.Receipt
	Values   []T
}

// DeliverAll is [Commits.Deliver] of many positions with one value each, in order. It costs less
// than a call for each: see [stages.Outlet.DeliverAll]. It returns how many positions it has emitted,
// the first ones, and an error if that is not all of them. The slices must be of one length. They
// belong to c until all of their positions are done.
func (c *Commits[K, P]) DeliverAll[T any](ctx context.Context, out *stages.Outlet[T], partition K, all Positions[P, T]) (n int, err error) {
	for n < len(all.At) {
		k := min(deliveryBlock, len(all.At)-n)
		block := make([]delivery[K, P, T], k)
		for i := range block {
			d := &block[i]
			d.c, d.out, d.at, d.receipt, d.values = c, out, all.At[n+i], &all.Receipts[n+i], all.Values[n+i:n+i+1:n+i+1]
		}
		for len(block) > 0 {
			p, opened, steers, err := c.await(ctx, partition, len(block), func(i int) *position[P] { return &block[i].position })
			if err != nil {
				return n, err
			}
			shared := &itemContext{p.ctx, ctx}
			for i := range block[:opened] {
				block[i].enter(p, shared)
			}
			taken := out.DeliverAll(all.Receipts[n:n+opened], all.Values[n:n+opened])
			n += taken
			if taken < opened {
				for i := opened - 1; i >= taken; i-- {
					c.undo(p, &block[i].position)
				}
				return n, aborted(ctx)
			}
			if steers {
				c.steer(p)
			}
			block = block[opened:]
		}
	}
	return n, nil
}

// deliveryBlock is the largest number of deliveries that are allocated together.
const deliveryBlock = 64

// delivery is a position in a flow, with what is needed to deliver it again.
type delivery[K comparable, P, T any] struct {
	position[P]
	c       *Commits[K, P]
	p       *partition[K, P]
	out     *stages.Outlet[T]
	receipt *stages.Receipt
	values  []T
}

func (d *delivery[K, P, T]) self(int) *position[P] { return &d.position }

// enter completes the receipt. Values without a context get shared.
func (d *delivery[K, P, T]) enter(p *partition[K, P], shared *itemContext) {
	d.p = p
	r := d.receipt
	if r.Context != nil {
		shared = &itemContext{p.ctx, r.Context}
	}
	r.Context, r.Lot, r.Deliveries, r.Ack = shared, &p.lot, max(1, r.Deliveries), d.heard
}

// heard is called with the acknowledgement.
func (d *delivery[K, P, T]) heard(err error) {
	if err == nil || !d.c.retry(d.p, &d.position, err, d.again) {
		d.c.finish(d.p, &d.position, err)
		d.receipt, d.values = nil, nil // deliveries are allocated together: this one must keep nothing alive
	}
}

// again delivers the values once more.
func (d *delivery[K, P, T]) again() bool {
	r := *d.receipt
	r.Deliveries += d.returns
	return d.out.Deliver(r, d.values...)
}

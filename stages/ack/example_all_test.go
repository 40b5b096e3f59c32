package ack_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/ack"
	"github.com/weir-go/weir/stages/sink"
)

// polled is a source that gets records of a partition many at a time.
type polled struct{ commits ack.Commits[string, int] }

func (p *polled) Run(ctx context.Context, out *stages.Outlet[string]) error {
	poll := ack.Positions[int, string]{
		At:       []int{7, 8, 9},
		Values:   []string{"seven", "eight", "nine"},
		Receipts: []stages.Receipt{{ID: "orders/7"}, {ID: "orders/8"}, {ID: "orders/9"}},
	}
	_, err := p.commits.DeliverAll(ctx, out, "orders", poll)
	return err
}

func (p *polled) Finish(ctx context.Context) error { return p.commits.Close(ctx) }

func ExampleCommits_DeliverAll() {
	source := &polled{ack.Commits[string, int]{Every: time.Hour, Commit: show}}
	report, err := flow.From(source).To(sink.ForEach(func(context.Context, string) error { return nil })).Run(context.Background())
	fmt.Println(report.Ledger.Out, err)
	// Output:
	// commit orders 9
	// 3 <nil>
}

// The deliveries of one answer of a queue are held together.
func ExampleLeases_HoldAll() {
	leases := &ack.Leases[int]{Term: time.Minute, Renew: func(context.Context, []int) ([]int, error) { return nil, nil }}
	all := leases.HoldAll(context.Background(), 7, 8)
	all[0].End() // it is done
	fmt.Println(all[0].Err(), all[1].Err(), leases.Snapshot().Held)
	leases.Close()
	// Output: context canceled <nil> 1
}

// A lease is the context of its delivery.
func ExampleLease_End() {
	leases := &ack.Leases[int]{Term: time.Minute, Renew: func(context.Context, []int) ([]int, error) { return nil, nil }}
	lease := leases.HoldAll(context.Background(), 7)[0]
	ctx, cancel := context.WithCancel(lease)
	defer cancel()
	lease.End()
	fmt.Println(lease.ID(), ctx.Err())
	leases.Close()
	// Output: 7 context canceled
}

func ExampleBatch_Settle() {
	acks := &ack.Batch[int]{
		Send: func(_ context.Context, ids []int) error { fmt.Println("delete", ids); return nil },
		Nack: func(id int, err error) { fmt.Println("leave", id, err) },
	}
	acks.Settle(7, nil)
	acks.Settle(8, errors.New("no such customer"))
	_ = acks.Close(context.Background())
	// Unordered output:
	// delete [7]
	// leave 8 no such customer
}

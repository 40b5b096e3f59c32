package ack_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/ack"
	"github.com/weir-go/weir/stages/sink"
)

// jobs is the source of a queue that hands jobs out for a minute.
type jobs struct {
	leases ack.Leases[string]
	acks   ack.Batch[string]
}

func (j *jobs) Run(ctx context.Context, out *stages.Outlet[string]) error {
	for _, id := range []string{"job-1", "job-2"} { // as they are received
		lease, end := j.leases.Hold(ctx, id)
		ack := j.acks.Ack(id)
		out.Deliver(stages.Receipt{Context: lease, Ack: func(err error) { ack(err); end() }}, id)
	}
	return nil
}

func (j *jobs) Finish(ctx context.Context) error {
	j.leases.Close()
	return j.acks.Close(ctx)
}

func (j *jobs) Health() stages.Health { return j.leases.Health() }

// The lease of a job is renewed for as long as the job takes. The other job is lost: its
// call ends, and it is not acknowledged.
func ExampleLeases() {
	renewed := make(chan struct{})
	first := sync.OnceFunc(func() { close(renewed) })
	source := &jobs{
		leases: ack.Leases[string]{
			Term:  time.Minute,
			Every: time.Millisecond, // for the example; a third of Term is better
			Renew: func(_ context.Context, ids []string) (lost []string, err error) {
				first()
				return []string{"job-2"}, nil
			},
		},
		acks: ack.Batch[string]{
			Send: func(_ context.Context, ids []string) error { fmt.Println("delete", ids); return nil },
			Nack: func(id string, err error) {
				_, again := stages.HandedBack(err)
				fmt.Println("hand out", id, "again:", again, errors.Is(err, ack.ErrLost))
			},
		},
	}
	_, err := flow.From(source).
		Map("work", func(ctx context.Context, job string) (string, error) {
			<-renewed
			if job == "job-2" { // takes for ever
				<-ctx.Done()
			}
			return job, ctx.Err()
		}).
		To(sink.ForEach(func(context.Context, string) error { return nil })).
		Run(context.Background())
	fmt.Println(err, source.leases.Snapshot().Lost)
	// Unordered output:
	// delete [job-1]
	// hand out job-2 again: true true
	// <nil> 1
}

func ExampleLeases_Hold() {
	leases := &ack.Leases[int]{Term: time.Minute, Renew: func(context.Context, []int) ([]int, error) { return nil, nil }}
	older, end := leases.Hold(context.Background(), 7)
	defer end()
	_, end = leases.Hold(context.Background(), 7) // the queue hands it out again
	fmt.Println(context.Cause(older))
	end()
	leases.Close()
	// Output: ack: lease was lost: 7: it was handed out again: stages: handed back
}

func ExampleLeases_Close() {
	leases := &ack.Leases[int]{Term: time.Minute, Renew: func(context.Context, []int) ([]int, error) { return nil, nil }}
	lease, end := leases.Hold(context.Background(), 7)
	defer end()
	leases.Close()
	fmt.Println(context.Cause(lease))
	// Output: ack: closed: stages: handed back
}

func ExampleLeases_Snapshot() {
	leases := &ack.Leases[int]{Term: time.Minute, Renew: func(context.Context, []int) ([]int, error) { return nil, nil }}
	_, end := leases.Hold(context.Background(), 7)
	fmt.Println(leases.Snapshot().Held)
	end()
	fmt.Println(leases.Snapshot().Held)
	leases.Close()
	// Output:
	// 1
	// 0
}

func ExampleLeases_Health() {
	leases := &ack.Leases[int]{Term: time.Minute, Renew: func(context.Context, []int) ([]int, error) { return nil, nil }}
	_, end := leases.Hold(context.Background(), 7)
	fmt.Println(leases.Health().Unsettled)
	end()
	leases.Close()
	// Output: 1
}

func ExampleLeases_Validate() {
	leases := &ack.Leases[int]{Renew: func(context.Context, []int) ([]int, error) { return nil, nil }}
	fmt.Println(leases.Validate())
	// Output: ack: Term is not positive
}

// Answers other than an acknowledgement in batches as well: their ID is the delivery and
// the answer.
func ExampleBatch_nack() {
	type answer struct {
		id    int
		after time.Duration // for the queue to hand it out again
		dead  bool          // so that the queue never hands it out again
	}
	answers := &ack.Batch[answer]{Send: func(_ context.Context, all []answer) error {
		for _, a := range all {
			fmt.Println(a.id, a.after, a.dead)
		}
		return nil
	}}
	acks := &ack.Batch[int]{
		Send: func(_ context.Context, ids []int) error { fmt.Println(ids); return nil },
		Nack: func(id int, err error) {
			after, again := stages.HandedBack(err)
			answers.Ack(answer{id, after, !again})(nil)
		},
	}
	acks.Ack(7)(nil)
	acks.Ack(8)(stages.HandBack(time.Minute))
	fmt.Println(acks.Close(context.Background()), answers.Close(context.Background()))
	// Unordered output:
	// [7]
	// 8 1m0s false
	// <nil> <nil>
}

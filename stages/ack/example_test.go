package ack_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/primitives/retry"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/ack"
	"github.com/weir-go/weir/stages/operator"
	"github.com/weir-go/weir/stages/sink"
	"github.com/weir-go/weir/stages/source"
)

// show is a Commit that prints.
func show(_ context.Context, upTo map[string]int) error {
	for partition, offset := range upTo {
		fmt.Println("commit", partition, offset)
	}
	return nil
}

// Two messages of a partition are done in the wrong order: the second alone commits
// nothing, the first then commits both.
func ExampleCommits() {
	ctx := context.Background()
	commits := &ack.Commits[string, int]{Window: 100, Commit: show}
	first, _ := commits.Begin("orders-0", 41)
	second, _ := commits.Begin("orders-0", 42)
	third, _ := commits.Begin("orders-0", 43)
	second(nil)
	_ = commits.Flush(ctx)
	fmt.Println("nothing so far")
	first(nil)
	_ = commits.Flush(ctx)
	third(fmt.Errorf("no such customer"))
	fmt.Println(commits.Close(ctx))
	// Output:
	// nothing so far
	// commit orders-0 42
	// ack: partition is halted: orders-0 at 43 failed: no such customer
}

// orders is the source of a log with 1000 records: a poll brings many, and each is emitted
// with its position.
type orders struct {
	commits ack.Commits[string, int]
	offset  int
}

func (o *orders) poll() []string { return slices.Repeat([]string{"an order"}, 100) }

func (o *orders) Run(ctx context.Context, out *stages.Outlet[string]) error {
	for o.offset < 1000 && ctx.Err() == nil {
		for _, record := range o.poll() {
			err := o.commits.Emit(ctx, out, "orders-0", o.offset+1, record)
			if err != nil {
				return err // the record was not emitted
			}
			o.offset++
		}
	}
	return nil
}

// Finish makes the last commit before the run returns.
func (o *orders) Finish(ctx context.Context) error { return o.commits.Close(ctx) }

// Health shows in the report of the run.
func (o *orders) Health() stages.Health { return o.commits.Health() }

// An offset is committed when all before it are done, although four workers finish in any
// order.
func ExampleCommits_Emit() {
	last := 0
	source := &orders{commits: ack.Commits[string, int]{
		Window: 50, // smaller than a poll
		Every:  time.Second,
		Commit: func(_ context.Context, upTo map[string]int) error { last = upTo["orders-0"]; return nil },
	}}
	_, err := flow.From(source).
		Map("work", func(_ context.Context, s string) (int, error) { return len(s), nil }, stages.Workers(4), stages.Unordered()).
		To(sink.ForEach(func(context.Context, int) error { return nil })).
		Run(context.Background())
	fmt.Println(err, last)
	// Output: <nil> 1000
}

// A consumer without a flow: the window is full, and Begin says so at once.
func ExampleCommits_Begin() {
	commits := &ack.Commits[string, int]{Window: 1, Commit: show}
	done, err := commits.Begin("orders-0", 1)
	fmt.Println(err)
	_, err = commits.Begin("orders-0", 2)
	fmt.Println(errors.Is(err, ack.ErrFull))
	done(nil)
	fmt.Println(commits.Close(context.Background()))
	// Output:
	// <nil>
	// true
	// commit orders-0 1
	// <nil>
}

func ExampleCommits_Flush() {
	commits := &ack.Commits[string, int]{Every: time.Hour, Commit: show}
	done, _ := commits.Begin("orders-0", 1)
	done(nil)
	fmt.Println(commits.Flush(context.Background()))
	// Output:
	// commit orders-0 1
	// <nil>
}

// After a run, Close commits what is done. If it returns nil, that is all there was.
func ExampleCommits_Close() {
	broken := func(context.Context, map[string]int) error { return errors.New("broker is gone") }
	commits := &ack.Commits[string, int]{Commit: broken}
	done, _ := commits.Begin("orders-0", 1)
	done(nil)
	fmt.Println(commits.Close(context.Background()))
	_, err := commits.Begin("orders-0", 2)
	fmt.Println(err)
	// Output:
	// ack: partition is halted: orders-0 could not be committed at 1: broker is gone
	// ack: closed
}

// A consumer that has lost a partition commits nothing of it any more.
func ExampleCommits_Forget() {
	commits := &ack.Commits[string, int]{Commit: show}
	done, _ := commits.Begin("orders-0", 1)
	commits.Forget("orders-0")
	done(nil)
	fmt.Println(commits.Close(context.Background()))
	// Output: <nil>
}

// A partition that has come back is claimed. Until then nothing of it comes in.
func ExampleCommits_Claim() {
	commits := &ack.Commits[string, int]{Commit: show}
	commits.Forget("orders-0")
	_, err := commits.Begin("orders-0", 1)
	fmt.Println(err)
	commits.Claim("orders-0")
	done, _ := commits.Begin("orders-0", 1)
	done(nil)
	fmt.Println(commits.Close(context.Background()))
	// Output:
	// ack: partition was given up: orders-0
	// commit orders-0 1
	// <nil>
}

func ExampleCommits_Health() {
	commits := &ack.Commits[string, int]{Commit: show}
	done, _ := commits.Begin("orders-0", 1)
	_, _ = commits.Begin("orders-0", 2)
	done(errors.New("no such customer"))
	h := commits.Health()
	fmt.Println(h.Unsettled, h.Err)
	// Output: 1 ack: partition is halted: orders-0 at 1 failed: no such customer
}

// A consumer that is about to lose a partition waits until what it has of it is done
// and committed. So the next consumer gets nothing twice.
func ExampleCommits_Drain() {
	commits := &ack.Commits[string, int]{Every: time.Hour, Commit: show}
	done, _ := commits.Begin("orders-0", 1)
	time.AfterFunc(10*time.Millisecond, func() { done(nil) })
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	fmt.Println(commits.Drain(ctx, "orders-0"))
	// Output:
	// commit orders-0 1
	// <nil>
}

// What is open is bounded. A partition that is full, and whose first position has been
// open for long, waits for one message.
func ExampleCommits_Snapshot() {
	commits := &ack.Commits[string, int]{Window: 2, Commit: show}
	_, _ = commits.Begin("orders-0", 1)
	second, _ := commits.Begin("orders-0", 2)
	second(nil)
	for _, p := range commits.Snapshot() {
		fmt.Println(p.Key, p.Open, p.Unsettled, p.First, time.Since(p.Since) < time.Minute, p.Full)
	}
	// Output: orders-0 2 1 1 true true
}

func ExampleCommits_Err() {
	commits := &ack.Commits[string, int]{Commit: show}
	done, _ := commits.Begin("orders-0", 1)
	fmt.Println(commits.Err())
	done(errors.New("no such customer"))
	fmt.Println(commits.Err())
	// Output:
	// <nil>
	// ack: partition is halted: orders-0 at 1 failed: no such customer
}

// The deletes of a queue, ten at a time, with two more tries.
func ExampleBatch() {
	again, err := retry.New(retry.Exponential(3, 50*time.Millisecond))
	if err != nil {
		panic(err)
	}
	acks := &ack.Batch[string]{
		Size:  10,
		Delay: time.Minute,
		Send:  func(_ context.Context, ids []string) error { fmt.Println("delete", ids); return nil },
		Nack: func(id string, err error) {
			after, _ := stages.HandedBack(err)
			fmt.Printf("hand out %s again after %v\n", id, after)
		},
		Retry: again,
	}
	source := stages.SourceFunc[string](func(_ context.Context, out *stages.Outlet[string]) error {
		for _, m := range []string{"7", "8", "nine", "10"} {
			if !out.EmitAcked(acks.Ack("id-"+m), m) {
				return nil
			}
		}
		return nil
	})
	_, err = flow.From(source).
		Map("check", func(_ context.Context, s string) (int, error) {
			if len(s) > 2 {
				return 0, stages.HandBack(time.Minute)
			}
			return len(s), nil
		}).
		To(sink.ForEach(func(context.Context, int) error { return nil })).
		Run(context.Background())
	fmt.Println(err, acks.Close(context.Background()))
	// Output:
	// hand out id-nine again after 1m0s
	// delete [id-7 id-8 id-10]
	// <nil> <nil>
}

func ExampleBatch_Ack() {
	acks := &ack.Batch[int]{Send: func(_ context.Context, ids []int) error { fmt.Println(ids); return nil }}
	d := source.Delivery[string]{Value: "message", Ack: acks.Ack(7)} // what a source brings
	d.Ack(nil)
	fmt.Println(acks.Close(context.Background()))
	// Output:
	// [7]
	// <nil>
}

func ExampleBatch_Flush() {
	acks := &ack.Batch[int]{Delay: time.Hour, Send: func(_ context.Context, ids []int) error { fmt.Println(ids); return nil }}
	acks.Ack(7)(nil)
	fmt.Println(acks.Flush(context.Background()))
	// Output:
	// [7]
	// <nil>
}

// What could not be acknowledged comes again. Close tells how much that is.
func ExampleBatch_Close() {
	acks := &ack.Batch[int]{Send: func(context.Context, []int) error { return errors.New("queue is gone") }}
	acks.Ack(7)(nil)
	fmt.Println(acks.Close(context.Background()))
	// Output: ack: 1 delivery is not acknowledged: queue is gone
}

func ExampleBatch_Snapshot() {
	acks := &ack.Batch[int]{Size: 2, Delay: time.Hour, Send: func(context.Context, []int) error { return nil }}
	acks.Ack(7)(nil)
	fmt.Printf("%+v\n", acks.Snapshot())
	_ = acks.Close(context.Background())
	fmt.Printf("%+v\n", acks.Snapshot())
	// Output:
	// {Waiting:1 Sent:0 Failed:0 Err:<nil>}
	// {Waiting:0 Sent:1 Failed:0 Err:<nil>}
}

// log is a source that embeds its Commits, so a flow knows its window.
type log struct{ ack.Commits[string, int] }

func (l *log) Run(ctx context.Context, out *stages.Outlet[string]) error {
	return l.Emit(ctx, out, "orders-0", 1, "an order")
}

// A batch of 500 would wait forever below a window of 100: such a flow is not valid.
func ExampleCommits_MaxUnsettled() {
	var source stages.Source[string] = &log{ack.Commits[string, int]{Window: 100, Commit: show}}
	fmt.Println(source.(stages.Bounded).MaxUnsettled())
	batch := operator.Batch[string](500, 0)
	fmt.Println(batch.(stages.Holder).Holds())
	// Output:
	// 100
	// 500
}

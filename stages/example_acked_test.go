package stages_test

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/weir-go/weir/stages"
)

// A pull loop: read a batch, and tell the queue of each message what became of
// it.
func ExampleAcked() {
	inbox := []string{"good", "bad"}
	read := func(ctx context.Context) (batch []stages.Delivery[string], err error) {
		for _, m := range inbox {
			batch = append(batch, stages.Delivery[string]{Value: m, Ack: func(err error) {
				if err != nil {
					fmt.Printf("nack %s: %v\n", m, err)
					return
				}
				fmt.Printf("ack %s\n", m)
			}})
		}
		return batch, io.EOF
	}
	check := stages.Map(func(_ context.Context, m string) (string, error) {
		if m == "bad" {
			return "", fmt.Errorf("not a number")
		}
		return m, nil
	})
	err := run(stages.Acked(read), check, stages.ForEach(func(context.Context, string) error { return nil }))
	fmt.Println(err)
	// Output:
	// ack good
	// nack bad: stage "stage": not a number
	// stage "stage": not a number
}

// Two messages of a partition are done in the wrong order: the second alone
// commits nothing, the first then commits both.
func ExampleCommits() {
	commits := &stages.Commits[string, int]{
		Window: 100,
		Commit: func(partition string, offset int) error {
			fmt.Println("commit", partition, offset)
			return nil
		},
	}
	ctx := context.Background()
	first, _ := commits.Begin(ctx, "orders-0", 41)
	second, _ := commits.Begin(ctx, "orders-0", 42)
	third, _ := commits.Begin(ctx, "orders-0", 43)
	second(nil)
	fmt.Println("open:", commits.Open("orders-0"))
	first(nil)
	third(fmt.Errorf("no such customer"))
	fmt.Println(commits.Err())
	// Output:
	// open: 3
	// commit orders-0 42
	// stages: partition is halted: orders-0 at 43 failed: no such customer
}

// The offsets of a log are committed as far as all before them are done, although
// four workers finish in any order.
func ExampleCommits_Begin() {
	last := 0
	commits := &stages.Commits[string, int]{Commit: func(_ string, offset int) error { last = offset; return nil }}
	offset := 0
	read := func(ctx context.Context) ([]stages.Delivery[int], error) {
		if offset == 1000 {
			return nil, io.EOF
		}
		offset++
		done, err := commits.Begin(ctx, "orders-0", offset)
		return []stages.Delivery[int]{{Value: offset, Ack: done}}, err
	}
	work := stages.Map(func(_ context.Context, v int) (int, error) { return 2 * v, nil }, stages.Workers(4), stages.Unordered())
	err := run(stages.Acked(read), work, stages.ForEach(func(context.Context, int) error { return nil }))
	fmt.Println(last, err, commits.Err())
	// Output: 1000 <nil> <nil>
}

// A consumer that loses a partition to another one commits nothing of it any
// more.
func ExampleCommits_Forget() {
	commits := &stages.Commits[string, int]{Commit: func(_ string, offset int) error {
		fmt.Println("commit", offset)
		return nil
	}}
	done, _ := commits.Begin(context.Background(), "orders-0", 1)
	commits.Forget("orders-0")
	done(nil)
	fmt.Println("open:", commits.Open("orders-0"))
	// Output: open: 0
}

// What is open is bounded: a backlog that grows is a partition whose first
// message hangs.
func ExampleCommits_Open() {
	commits := &stages.Commits[string, int]{Window: 100, Commit: func(string, int) error { return nil }}
	first, _ := commits.Begin(context.Background(), "orders-0", 1)
	second, _ := commits.Begin(context.Background(), "orders-0", 2)
	second(nil)
	fmt.Println(commits.Open("orders-0"), commits.Open("orders-1"))
	first(nil)
	fmt.Println(commits.Open("orders-0"))
	// Output:
	// 2 0
	// 0
}

// A run that ended well has committed all it did, unless Err says otherwise.
func ExampleCommits_Err() {
	commits := &stages.Commits[string, int]{Commit: func(string, int) error { return errors.New("broker is gone") }}
	done, _ := commits.Begin(context.Background(), "orders-0", 1)
	fmt.Println(commits.Err())
	done(nil)
	fmt.Println(commits.Err())
	// Output:
	// <nil>
	// stages: partition is halted: orders-0 could not be committed at 1: broker is gone
}

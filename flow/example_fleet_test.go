package flow_test

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/dedup"
	"github.com/weir-go/weir/primitives/store"
	"github.com/weir-go/weir/primitives/store/fleet"
	"github.com/weir-go/weir/stages/source"
)

// The processes of a service share a breaker, and do a piece of work once. The
// exchange with other processes runs beside the flow; no item waits for it.
func ExampleSection_Breaker_fleet() {
	shared := store.NewMemory() // one that other processes reach, in production
	node, err := fleet.NewBreaker(shared, breaker.Consecutive("model", 5, 10*time.Second),
		fleet.Quorum(2), fleet.ProbeOnce(5*time.Second))
	if err != nil {
		fmt.Println(err)
		return
	}
	answers, err := fleet.NewDedup(shared, dedup.Window(time.Minute, dedup.Name("answers")), fleet.Codec[string, int]{},
		fleet.Timeout(time.Second))
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = node.Run(ctx) })

	lengths, err := flow.From(source.Slice([]string{"a", "bb", "a"})).
		Breaker(node).
		Map("answer", func(ctx context.Context, question string) (int, error) {
			return answers.Do(ctx, question, func(context.Context) (int, error) { return len(question), nil })
		}).Collect(ctx)
	fmt.Println(lengths, err)

	cancel()
	running.Wait()
	// Output: [1 2 1] <nil>
}

package flow_test

import (
	"context"
	"fmt"
	"time"

	"github.com/weir-go/weir/flow"
)

// work is how long the stage "parse" took, with distributions kept.
func work() *flow.Distribution {
	report, err := prompts("1", "2", "3", "4").Map("parse", func(ctx context.Context, s string) (int, error) {
		time.Sleep(2 * time.Millisecond)
		return parse(ctx, s)
	}).ForEach(context.Background(), func(context.Context, int) error { return nil }, flow.Distributions())
	if err != nil {
		panic(err)
	}
	s, _ := report.Stage("parse")
	return s.Work
}

func ExampleDistributions() {
	d := work()
	fmt.Println(d.Count(), d.Quantile(0.5) > time.Millisecond, d.Mean() >= 2*time.Millisecond)
	// Output: 4 true true
}

// The ages at all sinks together.
func ExampleRun_Ages() {
	var run *flow.Run
	_, err := prompts("1", "2").Map("parse", parse).Collect(context.Background(), flow.Distributions(),
		flow.OnStart(func(r *flow.Run) { run = r }))
	fmt.Println(run.Ages().Count(), err)
	// Output: 2 <nil>
}

// The distributions of two processes can be added.
func ExampleDistribution_Plus() {
	here, there := *work(), *work()
	both := here.Plus(there)
	fmt.Println(both.Count(), both.Sum() == here.Sum()+there.Sum())
	// Output: 8 true
}

// The times of a stage since an earlier snapshot.
func ExampleDistribution_Minus() {
	before := *work()
	now := before.Plus(*work())
	fmt.Println(now.Minus(before).Count(), now.Minus(now).Quantile(0.99))
	// Output: 4 0s
}

// The buckets are those of Prometheus' native histograms.
func ExampleDistribution_Buckets() {
	total := work().Zeros()
	for _, n := range work().Buckets() {
		total += n
	}
	fmt.Println(total)
	// Output: 4
}

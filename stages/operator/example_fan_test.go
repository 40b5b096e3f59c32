package operator_test

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/operator"
	"github.com/weir-go/weir/stages/sink"
	"github.com/weir-go/weir/stages/source"
)

// fanOut runs values through a stage with n outlets, and returns what left by each.
func fanOut[T any](values []T, n int, stage stages.FanOut[T]) [][]T {
	g := flow.New()
	left := make([][]T, n)
	for i, branch := range flow.Split(g.From(source.Slice(values)), "fan", n, stage) {
		branch.To(sink.Append(&left[i]))
	}
	_, err := g.Run(context.Background())
	if err != nil {
		fmt.Println(err)
	}
	return left
}

// fanIn runs streams of values through a stage, and returns what came out.
func fanIn[T any](stage stages.FanIn[T, T], streams ...[]T) []T {
	var all []*flow.Stream[T]
	for _, values := range streams {
		all = append(all, flow.From(source.Slice(values)))
	}
	got, err := flow.Gather("fan", stage, all).Collect(context.Background())
	if err != nil {
		fmt.Println(err)
	}
	return got
}

// paired runs two streams of values through a stage, and returns what came out.
func paired[A, B, O any](stage stages.Pairing[A, B, O], as []A, bs []B) []O {
	got, err := flow.Pair("pair", stage, flow.From(source.Slice(as)), flow.From(source.Slice(bs))).Collect(context.Background())
	if err != nil {
		fmt.Println(err)
	}
	return got
}

// order is what a shop sends out.
type order struct {
	id      int
	country string
}

// Each event goes to the archive and to the alarm.
func ExampleBroadcast() {
	left := fanOut([]string{"login", "logout"}, 2, operator.Broadcast[string]())
	fmt.Println("archive:", left[0])
	fmt.Println("alarm:", left[1])
	// Output:
	// archive: [login logout]
	// alarm: [login logout]
}

// A print shop has 2 presses. One press is slow, and the other one prints the rest in the
// meantime.
func ExampleBalance() {
	ctx, g := context.Background(), flow.New()
	jobs := g.From(source.Slice([]string{"poster", "flyer", "menu", "ticket"}))
	presses := flow.Split(jobs, "shop", 2, operator.Balance[string]())
	rest := make(chan string, 3)
	presses[0].To(sink.ForEach(func(_ context.Context, job string) error {
		fmt.Println("slow:", job, "fast:", <-rest, <-rest, <-rest)
		return nil
	}), stages.Buffer(1))
	presses[1].To(sink.ForEach(func(_ context.Context, job string) error { rest <- job; return nil }), stages.Buffer(1))
	_, err := g.Run(ctx)
	fmt.Println(err)
	// Output:
	// slow: poster fast: flyer menu ticket
	// <nil>
}

// Orders from abroad need a customs form, and have a branch of their own.
func ExamplePartition() {
	abroad := func(o order) int {
		if o.country == "NO" {
			return 0
		}
		return 1
	}
	left := fanOut([]order{{1, "NO"}, {2, "SE"}, {3, "NO"}}, 2, operator.Partition(abroad))
	fmt.Println("home:", left[0])
	fmt.Println("abroad:", left[1])
	// Output:
	// home: [{1 NO} {3 NO}]
	// abroad: [{2 SE}]
}

// All orders of a country meet in one of 3 lanes.
func ExampleByKey() {
	lane := operator.ByKey(3, func(o order) string { return o.country })
	first := lane(order{1, "NO"})
	fmt.Println(first >= 0 && first < 3, lane(order{2, "NO"}) == first, lane(order{3, "NO"}) == first)
	// Output: true true true
}

// Two shops report their sales. The order between the shops can be any.
func ExampleMerge() {
	sales := fanIn(operator.Merge[string](), []string{"oslo 1", "oslo 2"}, []string{"bergen 1"})
	slices.Sort(sales)
	fmt.Println(sales)
	// Output: [bergen 1 oslo 1 oslo 2]
}

// A consumer catches up: first the archive, then the live stream.
func ExampleConcat() {
	fmt.Println(fanIn(operator.Concat[int](), []int{1, 2, 3}, []int{4, 5}))
	// Output: [1 2 3 4 5]
}

// Questions and their answers are in the same order. A question without an answer is dropped.
func ExampleZip() {
	faq := operator.Zip(func(question, answer string) string { return question + " " + answer })
	fmt.Println(paired(faq, []string{"Why?", "How?", "When?"}, []string{"Because.", "Slowly."}))
	// Output: [Why? Because. How? Slowly.]
}

// Payments find their order if they come within an hour of it.
func ExampleJoin() {
	type payment struct{ order, amount int }
	match := operator.Join(time.Hour,
		func(o order) int { return o.id },
		func(p payment) int { return p.order },
		func(o order, p payment) string { return fmt.Sprintf("%d from %s", p.amount, o.country) })
	pairs := paired(match, []order{{7, "SE"}, {8, "NO"}}, []payment{{7, 100}, {9, 1}, {7, 50}})
	slices.Sort(pairs)
	fmt.Println(pairs)
	// Output: [100 from SE 50 from SE]
}

package flow_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/operator"
	"github.com/weir-go/weir/stages/sink"
	"github.com/weir-go/weir/stages/source"
)

// Each line is counted in two ways at the same time, and the two results are
// combined.
func ExampleStream_Broadcast() {
	both := flow.From(source.Slice([]string{"a low dam", "weir"})).Broadcast(2)
	words := both[0].Map("words", stages.Lift(func(s string) int { return len(strings.Fields(s)) }))
	letters := both[1].Map("letters", stages.Lift(func(s string) int { return len(s) }))
	fmt.Println(words.Zip(letters, func(words, letters int) string {
		return fmt.Sprintf("%d words, %d letters", words, letters)
	}).Collect(context.Background()))
	// Output: [3 words, 9 letters 1 words, 4 letters] <nil>
}

// A machine that is stuck gets only as many items as it has room for. The other
// machine does the rest. This one continues when half of the work is done.
func ExampleStream_Balance() {
	half := make(chan struct{})
	done := 0
	fast := func(_ context.Context, v int) (int, error) {
		if done++; done == 10 {
			close(half)
		}
		return v, nil
	}
	slow := func(_ context.Context, v int) (int, error) { <-half; return v, nil }
	jobs := make([]int, 20)
	machines := flow.From(source.Slice(jobs)).Balance(2)
	worked, err := machines[0].Map("fast", fast, stages.Buffer(2)).
		Merge(machines[1].Map("slow", slow, stages.Buffer(2))).Collect(context.Background())
	fmt.Println(len(worked), done >= 10, err)
	// Output: 20 true <nil>
}

// Urgent items have a branch of their own, and do not wait behind the rest.
func ExampleStream_Partition() {
	urgent := func(mail string) int {
		if strings.HasPrefix(mail, "!") {
			return 1
		}
		return 0
	}
	var later, now []string
	lanes := flow.From(source.Slice([]string{"offer", "!fire", "news", "!flood"})).Partition(2, urgent)
	lanes[0].To(sink.Append(&later), stages.Name("later"))
	_, err := lanes[1].To(sink.Append(&now), stages.Name("now")).Run(context.Background())
	fmt.Println(later, now, err)
	// Output: [offer news] [!fire !flood] <nil>
}

// An audit trail of what is worked on.
func ExampleStream_Tee() {
	var trail []int
	paid, err := flow.From(source.Slice([]int{10, 20})).
		Tee(sink.Append(&trail), stages.Name("audit")).
		Map("pay", double).
		Collect(context.Background())
	fmt.Println(trail, paid, err)
	// Output: [10 20] [20 40] <nil>
}

// Two feeds become one stream, as the items come.
func ExampleStream_Merge() {
	oslo := flow.From(source.Slice([]string{"oslo 1", "oslo 2"}))
	bergen := flow.From(source.Slice([]string{"bergen 1"}))
	sales, err := oslo.Merge(bergen).Collect(context.Background())
	slices.Sort(sales)
	fmt.Println(sales, err)
	// Output: [bergen 1 oslo 1 oslo 2] <nil>
}

// First the items of the archive, then the live ones.
func ExampleStream_Concat() {
	archive, live := flow.From(source.Slice([]int{1, 2})), flow.From(source.Slice([]int{3}))
	fmt.Println(archive.Concat(live).Collect(context.Background()))
	// Output: [1 2 3] <nil>
}

func ExampleStream_Zip() {
	names, ages := flow.From(source.Slice([]string{"ann", "bob"})), flow.From(source.Slice([]int{40, 41}))
	fmt.Println(names.Zip(ages, func(name string, age int) string { return fmt.Sprint(name, " is ", age) }).
		Collect(context.Background()))
	// Output: [ann is 40 bob is 41] <nil>
}

// A click counts where the banner was shown within the hour.
func ExampleStream_Join() {
	type click struct{ banner, user string }
	fmt.Println(flow.From(source.Slice([]string{"shoes", "tea"})).
		Join(flow.From(source.Slice([]click{{"shoes", "ann"}, {"hats", "cat"}, {"shoes", "bob"}})), time.Hour,
			func(shown string) string { return shown },
			func(c click) string { return c.banner },
			func(shown string, c click) string { return c.user + " for " + shown }).
		Collect(context.Background()))
	// Output: [ann for shoes bob for shoes] <nil>
}

// The steps of one order are done in sequence. Steps of different orders are done
// at the same time, from four goroutines.
func ExampleStream_Lanes() {
	order := func(step string) string { return step[:1] }
	taken, err := flow.From(source.Slice([]string{"1 pack", "2 pack", "1 send", "2 send", "1 bill"})).
		Lanes("take", order, func(_ context.Context, step string) (string, error) { return step, nil }, stages.Workers(4)).
		Collect(context.Background())
	of := map[string][]string{}
	for _, step := range taken {
		of[order(step)] = append(of[order(step)], step[2:])
	}
	fmt.Println(of, err)
	// Output: map[1:[pack send bill] 2:[pack send]] <nil>
}

// sample is a stage of one's own: every third item goes to the second outlet,
// the rest to the first.
type sample struct{}

func (sample) Run(_ context.Context, in *stages.Inlet[int], outs []*stages.Outlet[int]) error {
	n := 0
	for it := range in.All() {
		if n++; n%3 == 0 {
			outs[1].Send(it)
			continue
		}
		outs[0].Send(it)
	}
	return nil
}

func ExampleSplit() {
	var rest, checked []int
	streams := flow.Split(flow.From(source.Slice([]int{1, 2, 3, 4, 5, 6})), "sample", 2, sample{})
	streams[0].To(sink.Append(&rest), stages.Name("rest"))
	_, err := streams[1].To(sink.Append(&checked), stages.Name("checked")).Run(context.Background())
	fmt.Println(rest, checked, err)
	// Output: [1 2 4 5] [3 6] <nil>
}

// alternate is a stage of one's own: an item from each inlet in its turn.
type alternate struct{}

func (alternate) TakesTurns() bool { return true }

func (alternate) Run(_ context.Context, ins []*stages.Inlet[string], out *stages.Outlet[string]) error {
	for open := len(ins); open > 0; {
		open = 0
		for _, in := range ins {
			if it, ok := in.Next(); ok {
				open++
				out.Send(it)
			}
		}
	}
	return nil
}

func ExampleGather() {
	rich, poor := flow.From(source.Slice([]string{"rich 1", "rich 2", "rich 3"})), flow.From(source.Slice([]string{"poor 1"}))
	fmt.Println(flow.Gather("fair", alternate{}, []*flow.Stream[string]{rich, poor}).Collect(context.Background()))
	// Output: [rich 1 poor 1 rich 2 rich 3] <nil>
}

// Pair adds any stage with two inlets, such as those of package operator.
func ExamplePair() {
	line := operator.Zip(func(n int, text string) string { return fmt.Sprintf("%d: %s", n, text) })
	numbers, texts := flow.From(source.Slice([]int{1, 2, 3})), flow.From(source.Lines(strings.NewReader("a low\ndam")))
	fmt.Println(flow.Pair("number", line, numbers, texts).Collect(context.Background()))
	// Output: [1: a low 2: dam] <nil>
}

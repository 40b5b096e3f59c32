package flow_test

import (
	"fmt"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/sink"
	"github.com/weir-go/weir/stages/source"
)

func ExampleGraph_Names() {
	var lengths []int
	g := flow.From(source.Slice([]string{"a", "bb"}), stages.Name("words")).
		Map("length", stages.Lift(func(s string) int { return len(s) })).
		To(sink.Append(&lengths))
	fmt.Println(g.Names())
	// Output: [words length sink]
}

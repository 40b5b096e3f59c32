package flow_test

import (
	"fmt"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
)

func ExampleGraph_Names() {
	var lengths []int
	g := flow.From(stages.Slice([]string{"a", "bb"}), flow.Name("words")).
		Map("length", stages.Lift(func(s string) int { return len(s) })).
		To(stages.Append(&lengths))
	fmt.Println(g.Names())
	// Output: [words length sink]
}

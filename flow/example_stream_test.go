package flow_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/sink"
	"github.com/weir-go/weir/stages/source"
)

func parse(_ context.Context, s string) (int, error) { return strconv.Atoi(s) }

func ExampleGraph_From() {
	graph := flow.New()
	stream := graph.From(source.Slice([]int{1, 2}), stages.Name("numbers"))
	fmt.Println(stream.Collect(context.Background()))
	// Output: [1 2] <nil>
}

// wrong is a graph with two faults: a stage that is nil, and no receiver.
func wrong() error {
	graph := flow.New()
	graph.From[int](nil)
	return graph.Validate()
}

func ExampleGraphError() {
	var invalid *flow.GraphError
	if errors.As(wrong(), &invalid) {
		fmt.Println(len(invalid.Faults), "faults")
	}
	// Output: 2 faults
}

func ExampleGraphError_Error() {
	fmt.Println(wrong().Error())
	// Output:
	// flow: invalid graph
	//   stage "source": it is nil
	//   stage "source": its stream leads nowhere
}

func ExampleGraphError_Is() {
	fmt.Println(errors.Is(wrong(), flow.ErrGraph))
	// Output: true
}

func ExampleGraphError_Unwrap() {
	var invalid *flow.GraphError
	errors.As(wrong(), &invalid)
	for _, fault := range invalid.Unwrap() {
		fmt.Println(fault)
	}
	// Output:
	// stage "source": it is nil
	// stage "source": its stream leads nowhere
}

func ExampleStream_Map() {
	fmt.Println(flow.From(source.Slice([]string{"1", "2"})).Map("parse", parse).Collect(context.Background()))
	// Output: [1 2] <nil>
}

func ExampleStream_To() {
	var kept []int
	graph := flow.From(source.Slice([]int{1, 2})).To(sink.Append(&kept))
	_, err := graph.Run(context.Background())
	fmt.Println(kept, err)
	// Output: [1 2] <nil>
}

// A failed item stops the intake. Collect returns the values that arrived.
func ExampleStream_Collect() {
	fmt.Println(flow.From(source.Slice([]string{"1", "two"})).Map("parse", parse).Collect(context.Background()))
	// Output: [1] stage "parse": strconv.Atoi: parsing "two": invalid syntax
}

package operator_test

import (
	"context"
	"fmt"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/operator"
	"github.com/weir-go/weir/stages/source"
)

// The newest items are kept for a stage that is slow.
func ExampleOverflow() {
	all := make(chan struct{})
	numbers := source.Seq(func(yield func(int) bool) {
		defer close(all)
		for i := 1; i <= 1000 && yield(i); i++ {
		}
	})
	last := 0
	newest := flow.From(numbers).Via("newest", operator.Overflow[int](2, stages.DropOldest))
	_, err := newest.ForEach(context.Background(), func(_ context.Context, v int) error {
		<-all
		last = v
		return nil
	})
	fmt.Println(last, err)
	// Output: 1000 <nil>
}

package operator_test

import (
	"context"
	"fmt"
	"time"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages/operator"
	"github.com/weir-go/weir/stages/source"
)

func ExampleUnique() {
	words := flow.From(source.Slice([]string{"go", "weir", "go", "weir", "stream"}))
	unique := words.Via("unique", operator.Unique(time.Minute, func(s string) string { return s }))
	_, err := unique.ForEach(context.Background(), func(_ context.Context, s string) error {
		fmt.Println(s)
		return nil
	})
	fmt.Println(err)
	// Output:
	// go
	// weir
	// stream
	// <nil>
}

// Hello is the first program of the README.
package main

import (
	"context"
	"fmt"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/source"
)

func main() {
	square := func(_ context.Context, v int) (int, error) { return v * v, nil }
	for r := range flow.From(source.Slice([]int{1, 2, 3})).Map("square", square, stages.Workers(4)).Results(context.Background()) {
		fmt.Println(r.Value, r.Err)
	}
}

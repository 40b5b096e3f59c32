package stages_test

import (
	"context"
	"fmt"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/source"
)

// A stage that reads and sends up to 64 items at a time.
func ExampleInlet_Read() {
	double := stages.StageFunc[int, int](func(_ context.Context, in *stages.Inlet[int], out *stages.Outlet[int]) error {
		buf := make([]stages.Item[int], 64)
		for n := in.Read(buf); n > 0; n = in.Read(buf) {
			for i := range buf[:n] {
				buf[i].Value *= 2
			}
			out.SendAll(buf[:n])
		}
		return nil
	})
	for r := range flow.From(source.Slice([]int{1, 2, 3})).Via("double", double).Results(context.Background()) {
		fmt.Println(r.Value)
	}
	// Output:
	// 2
	// 4
	// 6
}

// A stage that drops some items and sends the others on, as another type.
func ExampleOutlet_SendAll() {
	words := stages.StageFunc[int, string](func(_ context.Context, in *stages.Inlet[int], out *stages.Outlet[string]) error {
		buf := make([]stages.Item[int], 64)
		var kept []stages.Item[string]
		for n := in.Read(buf); n > 0; n = in.Read(buf) {
			kept = kept[:0]
			for _, it := range buf[:n] {
				if it.Value < 0 {
					in.Drop(it)
					continue
				}
				kept = append(kept, it.With(fmt.Sprint("no. ", it.Value)))
			}
			out.SendAll(kept)
		}
		return nil
	})
	for r := range flow.From(source.Slice([]int{1, -2, 3})).Via("words", words).Results(context.Background()) {
		fmt.Println(r.Value)
	}
	// Output:
	// no. 1
	// no. 3
}

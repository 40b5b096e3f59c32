package weir

import (
	"context"

	"github.com/weir-go/weir/bench/internal/work"
	"github.com/weir-go/weir/stages"
)

// Lanes is a stage of several workers that keeps the order of items with equal
// keys. It reports whether the run ended well.
func Lanes(n, workers int, f work.Step, key func(int) int, sink func(int)) bool {
	_, err := naturals(n).Lanes("lanes", key, f, stages.Workers(workers)).
		ForEach(context.Background(), func(_ context.Context, v int) error {
			sink(v)
			return nil
		})
	return err == nil
}

package weir

import (
	"context"
	"time"

	"github.com/weir-go/weir/bench/internal/work"
	"github.com/weir-go/weir/flow"
)

// Batch puts items into slices.
func Batch(size int, delay time.Duration) work.Run {
	return func(n int) work.Haul { return batch(n, size, delay) }
}

// BatchUntimed does the same without timings.
func BatchUntimed(size int, delay time.Duration) work.Run {
	return func(n int) work.Haul { return batch(n, size, delay, flow.Untimed()) }
}

func batch(n, size int, delay time.Duration, opts ...flow.RunOption) (h work.Haul) {
	_, err := naturals(n).Batch(size, delay).ForEach(context.Background(), func(_ context.Context, vs []int) error {
		h.AddAll(vs)
		return nil
	}, opts...)
	if err != nil {
		return work.Broken()
	}
	return h
}

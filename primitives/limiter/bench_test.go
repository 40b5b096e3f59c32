package limiter_test

import (
	"context"
	"testing"
	"time"

	"github.com/weir-go/weir/primitives/limiter"
)

func BenchmarkWait(b *testing.B) {
	l := newLimiter(b, limiter.PerSecond(1e12, limiter.Burst(largest)))
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	b.ReportAllocs()
	for b.Loop() {
		_ = l.Wait(ctx, 1)
	}
}

func BenchmarkWaitParallel(b *testing.B) {
	l := newLimiter(b, limiter.PerSecond(1e12, limiter.Burst(largest)))
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			_ = l.Wait(b.Context(), 1)
		}
	})
}

func BenchmarkTryRefused(b *testing.B) {
	l := newLimiter(b, limiter.Every(time.Hour))
	_ = l.Try(1)
	b.ReportAllocs()
	for b.Loop() {
		_ = l.Try(1)
	}
}

// A wait, as short as can be: what it costs beside the time.
func BenchmarkWaitInLine(b *testing.B) {
	l := newLimiter(b, limiter.Every(time.Nanosecond))
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	b.ReportAllocs()
	for b.Loop() {
		_ = l.Try(1)
		l.Penalize(time.Microsecond)
		_ = l.Wait(ctx, 1)
	}
}

package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/store"
)

func BenchmarkMemoryLoad(b *testing.B) {
	ctx := context.Background()
	m := store.NewMemory()
	_, err := m.CompareAndSet(ctx, "k", 0, []byte("value"), time.Hour)
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		_, _ = m.Load(ctx, "k")
	}
}

func BenchmarkMemoryCompareAndSet(b *testing.B) {
	ctx := context.Background()
	m := store.NewMemory()
	revision := uint64(0)
	value := []byte("value")
	b.ReportAllocs()
	for b.Loop() {
		revision, _ = m.CompareAndSet(ctx, "k", revision, value, time.Hour)
	}
}

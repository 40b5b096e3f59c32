package main

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestLatencyQuantiles(t *testing.T) {
	var l latency
	require.Zero(t, l.quantile(0.5), "of nothing")
	for ms := 1; ms <= 1000; ms++ {
		l.add(time.Duration(ms) * time.Millisecond)
	}
	for _, tt := range []struct {
		q    float64
		want time.Duration
	}{{0.01, 10}, {0.5, 500}, {0.9, 900}, {0.99, 990}, {1, 1000}} {
		got, want := l.quantile(tt.q), tt.want*time.Millisecond
		require.GreaterOrEqual(t, got, want, tt.q)
		require.LessOrEqual(t, float64(got), growth*float64(want), tt.q)
	}
	require.Equal(t, time.Second, l.longest)
}

func TestLatencyTakesEveryDuration(t *testing.T) {
	var l latency
	for _, d := range []time.Duration{-1, 0, 1, firstBucket, firstBucket + 1, math.MaxInt64} {
		l.add(d)
	}
	require.EqualValues(t, 6, l.count)
	require.LessOrEqual(t, l.quantile(0.5), firstBucket)
	require.GreaterOrEqual(t, l.quantile(1), 5*time.Minute)
}

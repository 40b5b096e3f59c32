package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/breaker"
)

func TestMetricsShowEveryPart(t *testing.T) {
	f := stand(t, echo)
	f.question("a")
	f.question("a")
	f.question("b")
	_, err := f.post(t.Context(), "{")
	require.NoError(t, err)
	for _, tt := range []struct {
		want float64
		path []string
	}{
		{3, []string{"ledger", "in"}},
		{3, []string{"ledger", "out"}},
		{2, []string{"stages", "complete", "effort", "attempts"}},
		{16, []string{"stages", "complete", "workers"}},
		{3, []string{"stages", "results", "ledger", "out"}},
		{3, []string{"guard", "admitted"}},
		{64, []string{"guard", "capacity"}},
		{1, []string{"dedup", "hits"}},
		{60_000, []string{"dedup", "ttl_ms"}},
		{5, []string{"breaker", "threshold"}},
		{2, []string{"retry", "succeeded"}},
		{3, []string{"responses", "200"}},
		{1, []string{"responses", "400"}},
		{3, []string{"latency", "count"}},
	} {
		require.Equal(t, tt.want, f.figure(tt.path...), tt.path)
	}
	require.Positive(t, f.figure("latency", "p99_ms"))
	require.LessOrEqual(t, f.figure("latency", "p50_ms"), f.figure("latency", "longest_ms"))
}

func TestFigures(t *testing.T) {
	got := figures(struct {
		TTL        time.Duration
		MaxEntries int
		State      breaker.State
		Rules      []breaker.RuleSnapshot
	}{1500 * time.Microsecond, 7, breaker.HalfOpen, []breaker.RuleSnapshot{{Rule: "r", Bad: 1}}})
	require.Equal(t, map[string]any{
		"ttl_ms": 1.5, "max_entries": 7, "state": "half-open",
		"rules": []any{map[string]any{"rule": "r", "bad": int64(1), "total": int64(0)}},
	}, got)
}

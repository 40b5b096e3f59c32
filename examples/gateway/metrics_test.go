package main

import (
	"testing"

	"github.com/stretchr/testify/require"
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
		{3, []string{"flow", "ledger", "in"}},
		{3, []string{"flow", "ledger", "out"}},
		{2, []string{"flow", "stages", "complete", "calls_total"}},
		{16, []string{"flow", "stages", "complete", "workers"}},
		{3, []string{"flow", "stages", "results", "ledger", "out"}},
		{3, inLayer("guard", "admitted_total")},
		{64, inLayer("guard", "capacity")},
		{96, []string{"door", "capacity"}},
		{1000, []string{"connections", "capacity"}},
		{64 << 20, inLayer("dedup", "max_weight")},
		{1, inLayer("dedup", "hits_total")},
		{60, inLayer("dedup", "ttl_seconds")},
		{5, inLayer("breaker", "threshold")},
		{2, inLayer("retry", "succeeded_total")},
		{3, []string{"responses", "200"}},
		{1, []string{"responses", "400"}},
		{3, []string{"latency", "count"}},
	} {
		require.Equal(t, tt.want, f.figure(tt.path...), tt.path)
	}
	require.Positive(t, f.figure("latency", "p99_ms"))
	require.LessOrEqual(t, f.figure("latency", "p50_ms"), f.figure("latency", "longest_ms"))
}

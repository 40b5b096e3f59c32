package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const output = `goos: linux
BenchmarkThreeStages/impl=channels-2     1   300 ns/op   500 cpu-ns/op   0 B/op   0 allocs/op
BenchmarkThreeStages/impl=chunks-2       1    40 ns/op    50 cpu-ns/op   0 B/op   0 allocs/op
BenchmarkThreeStages/impl=weir-2         1    50 ns/op    60 cpu-ns/op   0 B/op   0 allocs/op
BenchmarkThreeStages/impl=weir-2         1   900 ns/op    90 cpu-ns/op   0 B/op   0 allocs/op
BenchmarkThreeStages/impl=weir-2         1    60 ns/op    70 cpu-ns/op   0 B/op   0 allocs/op
BenchmarkThreeStages/impl=weir-untimed-2 1    30 ns/op    40 cpu-ns/op   0 B/op   0 allocs/op
BenchmarkThreeStages/impl=weir           1     5 ns/op     5 cpu-ns/op   0 B/op   0 allocs/op
BenchmarkLatency/order=kept/impl=weir-2  1   7000 p50-ns   9000 worst-ns
BenchmarkIdle/flow=section/seen=0/impl=weir-2  1   26000 own-B   2 own-goroutines
BenchmarkOther-2                         1   1 ns/op
PASS
`

// ran returns the lines that a command prints, with single spaces.
func ran(t *testing.T, args ...string) (lines []string) {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, run(args, strings.NewReader(output), &out))
	for line := range strings.Lines(out.String()) {
		lines = append(lines, strings.Join(strings.Fields(line), " "))
	}
	return lines
}

func TestRatioOfMedians(t *testing.T) {
	lines := ran(t)
	require.Contains(t, lines, "ThreeStages cpu=2 ns/op weir/it cpu-ns/op weir/it B/op allocs/op")
	require.Contains(t, lines, "channels 300 0.200 500 0.140 0 0")
	require.Contains(t, lines, "weir-untimed 30 2.000 40 1.750 0 0", "a name with a hyphen is not a processor count")
	require.Contains(t, lines, "ThreeStages cpu=1 ns/op weir/it cpu-ns/op weir/it B/op allocs/op")
	require.Contains(t, lines, "Latency/order=kept cpu=2 p50-ns weir/it worst-ns weir/it")
	require.NotContains(t, strings.Join(lines, "\n"), "Other")
}

func TestOneMetricAndANamedPeer(t *testing.T) {
	lines := ran(t, "-metric", "cpu-ns/op", "-peer", "chunks")
	require.Contains(t, lines, "ThreeStages cpu=2 cpu-ns/op it/chunks")
	require.Contains(t, lines, "weir 70 1.400")
	require.Contains(t, lines, "channels 500 10.000")
	require.Contains(t, lines, "weir 5 -", "the peer was not measured with 1 processor")
	require.NotContains(t, strings.Join(lines, "\n"), "Latency")
}

func TestTheFirstVersionIsAnotherImplementation(t *testing.T) {
	old := firstVersion(t)
	lines := ran(t, "-first", old, "-metric", "cpu-ns/op")
	require.Contains(t, lines, "first:weir 100 0.700")
	require.Contains(t, lines, "channels 500 0.140", "the other implementations are those of this version")
	require.Contains(t, ran(t, "-first", old, "-bars"),
		"three no-op stages, timings on cpu-ns/op 70 first:weir 100 0.7 0.75 met")
}

func firstVersion(t *testing.T) string {
	name := filepath.Join(t.TempDir(), "first.txt")
	require.NoError(t, os.WriteFile(name, []byte(`
BenchmarkThreeStages/impl=channels-2     1   1 ns/op   1 cpu-ns/op
BenchmarkThreeStages/impl=weir-2         1   90 ns/op  100 cpu-ns/op
`), 0o600))
	return name
}

func TestBars(t *testing.T) {
	lines := ran(t, "-bars")
	require.Contains(t, lines, "three no-op stages, timings on cpu-ns/op 70 chunks 50 1.4 1.3 missed")
	require.Contains(t, lines, "three no-op stages, timings off cpu-ns/op 40 chunks 50 0.8 1 met")
	require.Contains(t, lines, "three no-op stages, timings on cpu-ns/op 70 - - - 0.75 not measured")
	require.Contains(t, lines, "idle section, bytes own-B 26000 - - 26000 25000 missed")
	require.Contains(t, lines, "idle section, goroutines own-goroutines 2 - - 2 2 met")
	require.Contains(t, lines, "Results cpu-ns/op - - - - 1 not measured")
	require.Contains(t, ran(t, "-bars", "-cpu", "1"),
		"three no-op stages, timings on cpu-ns/op 5 - - - 1.3 not measured", "figures of other processor counts are not taken")
}

func TestRatioSaysIfThereIsNothing(t *testing.T) {
	require.ErrorContains(t, run(nil, strings.NewReader("PASS\n"), &bytes.Buffer{}), "no benchmark")
	require.ErrorContains(t, run([]string{"no-such-file"}, nil, &bytes.Buffer{}), "no-such-file")
	require.ErrorContains(t, run([]string{"-first", "no-such-file"}, strings.NewReader(output), &bytes.Buffer{}), "no-such-file")
}

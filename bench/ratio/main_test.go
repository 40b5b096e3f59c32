package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const output = `goos: linux
BenchmarkThree/impl=channels-2           1   300 ns/op   0 B/op   0 allocs/op
BenchmarkThree/impl=weir-2               1    50 ns/op   0 B/op   0 allocs/op
BenchmarkThree/impl=weir-2               1   900 ns/op   0 B/op   0 allocs/op
BenchmarkThree/impl=weir-2               1    60 ns/op   0 B/op   0 allocs/op
BenchmarkThree/impl=weir-untimed-2       1    30 ns/op   0 B/op   0 allocs/op
BenchmarkThree/impl=weir                 1     5 ns/op   0 B/op   0 allocs/op
BenchmarkLatency/order=kept/impl=weir-2  1   7000 p50-ns   9000 worst-ns
BenchmarkOther-2                         1   1 ns/op
PASS
`

func TestRatioOfMedians(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(nil, strings.NewReader(output), &out))
	lines := strings.Split(out.String(), "\n")
	require.Contains(t, fields(lines, "channels"), "300 0.200")
	require.Contains(t, fields(lines, "weir-untimed"), "30 2.000", "a name with a hyphen is not a processor count")
	require.Contains(t, out.String(), "Three cpu=1")
	require.Contains(t, out.String(), "Latency/order=kept cpu=2")
	require.NotContains(t, out.String(), "Other")
}

// fields returns the line of an implementation with single spaces.
func fields(lines []string, impl string) string {
	for _, l := range lines {
		if f := strings.Fields(l); len(f) > 0 && f[0] == impl {
			return strings.Join(f, " ")
		}
	}
	return ""
}

func TestRatioSaysWhereThereIsNothing(t *testing.T) {
	require.ErrorContains(t, run(nil, strings.NewReader("PASS\n"), &bytes.Buffer{}), "no benchmark")
	require.ErrorContains(t, run([]string{"no-such-file"}, nil, &bytes.Buffer{}), "no-such-file")
}

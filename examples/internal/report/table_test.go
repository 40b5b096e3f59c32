package report_test

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/weir-go/weir/examples/internal/report"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTableAlignsNumbersToTheRight(t *testing.T) {
	var out strings.Builder
	err := report.Table{
		Title:   "Timings per stage",
		Columns: []string{"stage", "items", "worked"},
		Rows: [][]any{
			{"read", 7, 1234567 * time.Nanosecond},
			{"summarise", 1544, 12 * time.Second},
		},
	}.Write(&out)
	require.NoError(t, err)
	var got []string
	for line := range strings.Lines(out.String()) {
		got = append(got, strings.TrimSuffix(line, "\n"))
	}
	require.Equal(t, []string{
		"Timings per stage",
		"stage      items  worked",
		"──────────────────────────",
		"read           7  1.23ms",
		"summarise   1544     12s",
		"",
	}, got)
}

func TestTableWithoutRowsPrintsNothing(t *testing.T) {
	var out strings.Builder
	require.NoError(t, report.Table{Title: "x", Columns: []string{"y"}}.Write(&out))
	require.Empty(t, out.String())
}

func TestTableLeavesPercentSignsAlone(t *testing.T) {
	var out strings.Builder
	require.NoError(t, report.Table{Title: "100 %d", Columns: []string{"%s"}, Rows: [][]any{{"%v"}}}.Write(&out))
	require.Contains(t, out.String(), "100 %d")
	require.NotContains(t, out.String(), "MISSING")
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestTableReturnsTheErrorOfTheWriter(t *testing.T) {
	err := report.Table{Columns: []string{"x"}, Rows: [][]any{{1}}}.Write(fullDisk{})
	require.EqualError(t, err, "disk full")
}

func TestDuration(t *testing.T) {
	tests := []struct {
		d    time.Duration
		want string
	}{
		{0, "0s"},
		{999, "999ns"},
		{1234, "1.23µs"},
		{1234567, "1.23ms"},
		{45678 * time.Millisecond, "45.7s"},
		{123456 * time.Millisecond, "2m3s"},
		{-1234567, "-1.23ms"},
		{999999999, "1s"},
		{math.MaxInt64, time.Duration(math.MaxInt64).String()}, // nothing to round up to
		{math.MinInt64, time.Duration(math.MinInt64).String()},
	}
	for _, tt := range tests {
		require.Equal(t, tt.want, report.Duration(tt.d))
	}
}

package operator_test

import (
	"context"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/source"
)

// timedSource emits each value when its time has come.
func timedSource(at map[time.Duration]string) stages.Source[string] {
	return stages.SourceFunc[string](func(ctx context.Context, out *stages.Outlet[string]) error {
		start := time.Now()
		var times []time.Duration
		for d := range at {
			times = append(times, d)
		}
		slices.Sort(times)
		for _, d := range times {
			time.Sleep(time.Until(start.Add(d)))
			out.Emit(at[d])
		}
		return nil
	})
}

func TestJoinPairsEqualKeysWithinTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := flow.From(timedSource(map[time.Duration]string{1 * time.Second: "a1", 10 * time.Second: "b1", 15 * time.Second: "c1"}))
		b := flow.From(timedSource(map[time.Duration]string{
			6 * time.Second: "b2", 11 * time.Second: "a2", 12 * time.Second: "b3", 16 * time.Second: "b4",
		}))
		key := func(s string) byte { return s[0] }
		var rep flow.Report
		got, err := a.Join(b, 5*time.Second, key, key, func(x, y string) string { return x + y }).
			Collect(t.Context(), flow.ReportTo(&rep))
		require.NoError(t, err)
		require.Equal(t, []string{"b1b2", "b1b3"}, got)
		require.NoError(t, rep.Check())
		join, _ := rep.Stage("join")
		require.Equal(t, stages.Ledger{In: 7, Derived: 2, Out: 2, Folded: 3, Filtered: 4}, join.Ledger, "b4 is 6 s after b1")
	})
}

func TestJoinFailsWhatItsFunctionsPanicAt(t *testing.T) {
	a, b := flow.From(source.Slice([]string{"a", "x", "p"})), flow.From(source.Slice([]string{"a", "p"}))
	key := func(s string) string {
		if s == "x" {
			panic("key")
		}
		return s
	}
	var failed []string
	got := collect(t, a.Join(b, time.Hour, key, key, func(x, _ string) string {
		if x == "p" {
			panic("join")
		}
		return x
	}).OnError(func(_ context.Context, e *stages.ItemError) (string, error) {
		failed = append(failed, e.Value.(string))
		return "", stages.ErrDrop
	}))
	slices.Sort(failed)
	require.Equal(t, []string{"a"}, got)
	require.Equal(t, []string{"p", "x"}, failed)
}

// Join remembered each key that it had ever seen.
func TestJoinForgetsTheKeysOfItemsThatHaveLeft(t *testing.T) {
	type wide [16]int // 128 bytes, so that keys that stay are seen
	const n = 30_000
	left := source.Seq(func(yield func(int) bool) {
		for i := range n {
			if i%1000 == 0 {
				time.Sleep(time.Second) // what came before leaves
			}
			if !yield(i) {
				return
			}
		}
	})
	key := func(v int) wide { return wide{v} }
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	synctest.Test(t, func(t *testing.T) {
		var early, late uint64
		keyLeft := func(v int) wide {
			switch v {
			case 5000:
				early = heap()
			case n - 1:
				late = heap()
			}
			return key(v)
		}
		got, err := flow.From(left).Join(flow.From(source.Slice([]int{-1})), 100*time.Millisecond, keyLeft, key, func(x, y int) int { return x + y }).Collect(t.Context())
		require.NoError(t, err)
		require.Empty(t, got)
		require.Less(t, late, early+2<<20, "25,000 keys of 128 bytes are more than 3 MB")
	})
}

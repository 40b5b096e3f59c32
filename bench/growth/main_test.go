package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Ten thousand items may sleep; none of them may cost a goroutine. Workers may: they start
// when there is work, so a run of few items may have begun with fewer of them.
func TestSleepersHoldNoGoroutine(t *testing.T) {
	few, err := asleep.run(10)
	require.NoError(t, err)
	many, err := asleep.run(10_000)
	require.NoError(t, err)
	require.Positive(t, many.goroutines)
	require.LessOrEqual(t, many.goroutines, few.goroutines+workers+2)
}

// A run ten times as long needs no more memory.
func TestLengthCostsNoMemory(t *testing.T) {
	short, err := items.run(20_000)
	require.NoError(t, err)
	long, err := items.run(200_000)
	require.NoError(t, err)
	require.Less(t, long.heap, short.heap+1<<20)
}

func TestTablesArePrinted(t *testing.T) {
	var out bytes.Buffer
	for _, s := range []sweep{items, asleep} { // the others bring many items at any size
		s.sizes = []int{1000} // with few asleep there are many rounds
		require.NoError(t, s.print(&out))
		require.Contains(t, out.String(), s.what)
	}
}

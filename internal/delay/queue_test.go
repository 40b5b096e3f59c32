package delay_test

import (
	"math"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/weir-go/weir/internal/delay"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestPopsInOrderAndNotTooEarly(t *testing.T) {
	var q delay.Queue[string]
	_, ok := q.Next()
	require.False(t, ok)
	_, ok = q.PopDue(math.MaxInt64)
	require.False(t, ok)

	q.Push(int64(time.Hour), "c")
	q.Push(int64(time.Second), "b")
	q.Push(1, "a")
	q.Push(int64(time.Second), "b too")
	q.Push(math.MaxInt64, "d")
	require.Equal(t, 5, q.Len())
	for _, want := range []struct {
		at    int64
		value string
	}{{1, "a"}, {int64(time.Second), "b"}, {int64(time.Second), "b too"}, {int64(time.Hour), "c"}, {math.MaxInt64, "d"}} {
		at, ok := q.Next()
		require.True(t, ok)
		require.Equal(t, want.at, at)
		_, ok = q.PopDue(want.at - 1)
		require.False(t, ok, "a unit too early")
		v, ok := q.PopDue(want.at)
		require.True(t, ok)
		require.Equal(t, want.value, v)
	}
	require.Zero(t, q.Len())
}

// A value pushed with a time that is over comes next, and before what is due
// later.
func TestOverdueComesNext(t *testing.T) {
	var q delay.Queue[string]
	q.Push(100, "popped")
	q.Push(200, "last")
	_, _ = q.PopDue(150)
	q.Push(7, "overdue")
	q.Push(-5, "overdue too")
	q.Push(math.MinInt64, "and this")
	for _, want := range []string{"overdue", "overdue too", "and this"} {
		v, ok := q.PopDue(150)
		require.True(t, ok)
		require.Equal(t, want, v)
	}
	_, ok := q.PopDue(199)
	require.False(t, ok)
}

// Having been drained to the end of time, it begins anew.
func TestAnEmptyQueueTakesAnyTime(t *testing.T) {
	var q delay.Queue[int]
	for range 3 {
		for i := range 1000 {
			q.Push(int64(1000-i), i)
		}
		for i := range 1000 {
			v, ok := q.PopDue(math.MaxInt64)
			require.True(t, ok)
			require.Equal(t, 999-i, v)
		}
	}
}

func TestAMillionDrainsInOrder(t *testing.T) {
	const n = 1_000_000
	times := make([]int64, n)
	r := rand.New(rand.NewPCG(3, 4))
	var q delay.Queue[uint32]
	before := heap()
	for i := range times {
		times[i] = r.Int64N(int64(time.Minute))
		q.Push(times[i], uint32(i))
	}
	require.Less(t, (heap()-before)/n, uint64(32), "bytes for each value, with the value")
	var last int64
	for range n {
		next, _ := q.Next()
		v, ok := q.PopDue(math.MaxInt64)
		if at := times[v]; !ok || at < last || at != next {
			t.Fatalf("%d due at %d after %d, when %d was announced", v, at, last, next)
		}
		last = times[v]
	}
	require.Zero(t, q.Len())
}

// heap returns how much is in use.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	q, random := filled(10_000)
	turn := func() {
		for range 1000 {
			at, _ := q.Next()
			v, _ := q.PopDue(at)
			q.Push(at+random(), v)
		}
	}
	for range 200 { // several minutes of the queue's time
		turn()
	}
	require.Zero(t, testing.AllocsPerRun(10, turn))
}

// What has been popped must not be kept alive by its place in the queue.
func TestPoppedValuesAreForgotten(t *testing.T) {
	var q delay.Queue[*[1 << 16]byte]
	before := heap()
	for i := range int64(1000) {
		q.Push(i*i*i, new([1 << 16]byte))
	}
	require.Greater(t, heap()-before, uint64(1000<<16))
	for range 1000 {
		_, _ = q.PopDue(math.MaxInt64)
	}
	require.Less(t, heap()-before, uint64(50<<16))
	runtime.KeepAlive(&q)
}

// Many that are due at once keep the order of the pushes, also where they came
// at different distances from the time.
func TestEqualTimesKeepTheOrderOfThePushes(t *testing.T) {
	var q delay.Queue[int]
	const due = int64(time.Hour)
	for i := range 300 {
		q.Push(due, i)
		q.Push(int64(i), -1) // and the cursor moves on meanwhile
		_, _ = q.PopDue(int64(i))
	}
	for i := range 300 {
		v, ok := q.PopDue(due)
		require.True(t, ok)
		require.Equal(t, i, v)
	}
}

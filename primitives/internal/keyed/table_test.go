package keyed_test

import (
	"math"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/internal/keyed"
)

// A key that cannot be hashed or is not equal to itself is refused, and leaves nothing
// behind: NaN would make an entry at each use that nothing could find or forget.
func TestKeysThatCannotBeFoundAgain(t *testing.T) {
	table := keyed.New(10, idle, keyed.Kind[any, int, int]{Build: func(any) int { return 7 }})
	for want, key := range map[string]any{
		"a value of type []int cannot be hashed":           []int{1},
		"a value of type float64 is not equal to itself":   math.NaN(),
		"a value of type [1]interface {} cannot be hashed": [1]any{map[int]int{}},
	} {
		for range 3 {
			e, err := table.Pin(key)
			require.EqualError(t, err, want)
			require.Nil(t, e)
		}
	}
	e, err := table.Pin("a")
	require.NoError(t, err)
	require.Equal(t, 7, e.Value)
	_, _, _, c := table.Look()
	require.Equal(t, keyed.Counts{Kept: 1, Pinned: 1, Made: 1}, c)
}

// Calls that come for one key at the same time get one value. No bubble: real
// parallelism is the point.
func TestOneValueForEachKey(t *testing.T) {
	table := keyed.New(4, time.Hour, keyed.Kind[int, *sync.Mutex, int]{
		Build:  func(int) *sync.Mutex { return &sync.Mutex{} },
		Shared: func() *sync.Mutex { return &sync.Mutex{} },
		Needed: func(*sync.Mutex) bool { return false },
		Add:    func(n *int, _ *sync.Mutex) { *n++ },
	})
	var inside [32]int // a key is used by one at a time
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for n := range 2000 {
				key := (i + n) % 4
				if n%10 == 0 {
					key = 4 + n%28
				}
				e, err := table.Pin(key)
				assert.NoError(t, err)
				if e.Key == key && key < 4 {
					e.Value.Lock()
					inside[key]++
					e.Value.Unlock()
				}
				table.Release(e)
			}
		})
	}
	wg.Wait()
	kept, _, gone, c := table.Look()
	require.LessOrEqual(t, len(kept), 4)
	require.Zero(t, c.Pinned)
	require.EqualValues(t, c.Made-c.Forgotten, c.Kept)
	require.EqualValues(t, c.Forgotten, gone)
}

func TestPinAllocatesNothing(t *testing.T) {
	table := keyed.New(4, time.Hour, kind())
	require.Zero(t, testing.AllocsPerRun(100, func() {
		e, _ := table.Pin(1)
		table.Release(e)
	}))
}

package dedup_test

import (
	"runtime"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/dedup"
)

// Checklist row 15: a value older than the TTL is new again, at exactly TTL, in every
// method.
func TestChecklist15Boundary(t *testing.T) {
	const ttl = time.Second
	methods := map[string]func(*dedup.Dedup[string, int]) bool{
		"Check":       func(d *dedup.Dedup[string, int]) bool { return d.Check("k").State == dedup.Cached },
		"Join":        func(d *dedup.Dedup[string, int]) bool { return d.Join("k", nil).State == dedup.Cached },
		"CheckAll":    func(d *dedup.Dedup[string, int]) bool { return d.CheckAll([]string{"k"})[0].State == dedup.Cached },
		"Get":         func(d *dedup.Dedup[string, int]) bool { _, ok := d.Get("k"); return ok },
		"Contains":    func(d *dedup.Dedup[string, int]) bool { return d.Contains("k") },
		"Purge":       func(d *dedup.Dedup[string, int]) bool { return d.Purge() == 0 },
		"EvictOldest": func(d *dedup.Dedup[string, int]) bool { return d.EvictOldest() },
		"Snapshot":    func(d *dedup.Dedup[string, int]) bool { return d.Snapshot().Cached == 1 },
		"Do": func(d *dedup.Dedup[string, int]) bool {
			v, err := d.Do(t.Context(), "k", one)
			return err == nil && v == 42
		},
	}
	for name, alive := range methods {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for age, want := range map[time.Duration]bool{ttl - 1: true, ttl: false, ttl + 1: false} {
					for _, opts := range [][]dedup.CallOption{nil, {dedup.TTL(ttl)}} {
						policy := dedup.Window(ttl)
						if opts != nil {
							policy = dedup.Window(time.Hour)
						}
						d := make1[string, int](t, policy)
						keep(t, d, "k", 42, opts...)
						time.Sleep(age)
						require.Equal(t, want, alive(d), "age %v", age)
					}
				}
			})
		})
	}
}

// Checklist row 18 (its second half): at the cap the oldest is evicted on insert.
func TestChecklist18OldestIsEvicted(t *testing.T) {
	d := make1[string, int](t, dedup.Window(time.Minute, dedup.MaxEntries(3)))
	for i, k := range []string{"a", "b", "c", "d", "e"} {
		keep(t, d, k, i)
	}
	for k, want := range map[string]bool{"a": false, "b": false, "c": true, "d": true, "e": true} {
		require.Equal(t, want, d.Contains(k), k)
	}
	s := d.Snapshot()
	require.Equal(t, 3, s.Cached)
	require.Equal(t, uint64(2), s.Evicted)
}

// Row 26 of the resilience list: eviction makes room among results. It never touches a
// key in flight, nor its followers.
func TestResilience26EvictionLeavesFlightsAlone(t *testing.T) {
	d := make1[string, int](t, dedup.Window(time.Minute, dedup.MaxEntries(1)))
	token := d.Check("flying").Token
	var r recorder
	d.Join("flying", &r)
	for i := range 100 {
		keep(t, d, strconv.Itoa(i), i)
	}
	require.True(t, d.EvictOldest())
	require.False(t, d.EvictOldest())
	require.Equal(t, dedup.InProgress, d.Check("flying").State)
	require.True(t, d.Complete(token, 1))
	require.Equal(t, []int{1}, r.values)
}

func TestLargeCapIsNeverExceeded(t *testing.T) {
	const limit = 10_001
	d := make1[int, int](t, dedup.Window(time.Minute, dedup.MaxEntries(limit)))
	for i := range 5 * limit {
		d.Complete(d.Check(i).Token, i)
		if i == limit*8/10 {
			require.Zero(t, d.Snapshot().Evicted, "room for nearly all of it before the first goes")
		}
	}
	require.Equal(t, limit, d.Snapshot().Cached)
}

// Checklist row 19: to complete a key again refreshes it and evicts no other.
func TestChecklist19CompletedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := make1[string, int](t, dedup.Window(time.Minute, dedup.MaxEntries(3)))
		keep(t, d, "a", 1, dedup.TTL(time.Second))
		keep(t, d, "b", 2)
		keep(t, d, "c", 3)
		time.Sleep(time.Second)
		keep(t, d, "a", 10)
		require.Zero(t, d.Snapshot().Evicted)
		keep(t, d, "d", 4) // b is the oldest now, and the fresh a is not
		require.False(t, d.Contains("b"))
		v, ok := d.Get("a")
		require.True(t, ok)
		require.Equal(t, 10, v)
		require.Equal(t, uint64(1), d.Snapshot().Evicted)
	})
}

func heap() int {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// Checklist row 20: after 1M unique keys with a short TTL and no cap, retained memory
// returns to a constant: in passing, with no Purge.
func TestChecklist20MemoryOfAStream(t *testing.T) {
	for name, opts := range map[string][]dedup.CallOption{"ttl": nil, "mixed": {dedup.TTL(2 * time.Second)}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := make1[int, int](t, dedup.Window(time.Second, dedup.Unbounded()))
				before := heap()
				// An entry that lives for ever must not hide those behind it.
				d.Complete(d.Check(-1).Token, 0, opts...)
				if opts != nil {
					d.Complete(d.Check(-2).Token, 0, dedup.TTL(1<<62))
				}
				n := 1_000_000
				if opts != nil {
					n /= 5 // as telling, and less slow
				}
				for i := range n {
					if i%1000 == 0 {
						time.Sleep(time.Second) // 1000 live at a time
					}
					c := d.Check(i)
					if i%2 == 0 {
						d.Complete(c.Token, i)
					} else {
						d.Complete(c.Token, i, opts...)
					}
				}
				require.Less(t, heap()-before, 1<<20)
				runtime.KeepAlive(d)
			})
		})
	}
}

// Checklist row 20 again: after a flood, what it needed is given back, by Purge or by
// the traffic that follows.
func TestChecklist20MemoryAfterAFlood(t *testing.T) {
	after := map[string]func(d *dedup.Dedup[int, int]){
		"purge": func(d *dedup.Dedup[int, int]) { d.Purge() },
		"clear": func(d *dedup.Dedup[int, int]) { d.Clear() },
		"evict": func(d *dedup.Dedup[int, int]) { d.EvictOldest() },
		"traffic": func(d *dedup.Dedup[int, int]) {
			for i := range 200_000 {
				if i%100 == 0 {
					time.Sleep(time.Second)
				}
				d.Complete(d.Check(-i-1).Token, i)
			}
		},
	}
	for name, calm := range after {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := make1[int, int](t, dedup.Window(time.Second, dedup.Unbounded()))
				before := heap()
				for i := range 200_000 {
					d.Complete(d.Check(i).Token, i)
				}
				require.Greater(t, heap()-before, 4<<20, "or else this shows nothing")
				time.Sleep(time.Second)
				calm(d)
				require.Less(t, heap()-before, 1<<20)
				runtime.KeepAlive(d)
			})
		})
	}
}

// What was in flight leaves nothing behind either: no room, and no follower.
func TestMemoryOfFlights(t *testing.T) {
	d := make1[int, int](t, dedup.Window(0))
	before := heap()
	tokens := make([]dedup.Token, 200_000)
	for i := range tokens {
		tokens[i] = d.Check(i).Token
	}
	d.Join(0, &heavy{})
	for _, token := range tokens {
		d.Fail(token, nil)
	}
	tokens = nil
	require.Less(t, heap()-before, 1<<20)
	runtime.KeepAlive(d)
}

type heavy struct{ payload [8 << 20]byte }

func (h *heavy) Done(int, error) { h.payload[0]++ }

// Checklist row 23: Get and Contains do not register; Purge counts; EvictOldest, Clear
// and the counts work.
func TestChecklist23Housekeeping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := make1[string, int](t, dedup.Window(time.Second, dedup.Name("n")))
		_, ok := d.Get("a")
		require.False(t, ok)
		require.False(t, d.Contains("a"))
		for i, k := range []string{"a", "b", "c"} {
			keep(t, d, k, i)
			time.Sleep(100 * time.Millisecond)
		}
		owner := d.Check("flying")
		require.False(t, d.Contains("flying"), "in flight is not there")
		s := d.Snapshot()
		require.Equal(t, []any{"n", time.Second, 3, 1}, []any{s.Name, s.TTL, s.Cached, s.InFlight})

		require.True(t, d.EvictOldest())
		require.False(t, d.Contains("a"))
		require.True(t, d.Contains("b"))
		time.Sleep(800 * time.Millisecond) // b is 1 s old, c is not
		require.Equal(t, 1, d.Purge())
		require.Equal(t, 0, d.Purge())
		require.True(t, d.Contains("c"))

		d.Clear()
		s = d.Snapshot()
		require.Zero(t, s.Cached)
		require.Equal(t, uint64(1), s.Evicted)
		require.Equal(t, uint64(1), s.Expired)
		require.Equal(t, 1, s.InFlight, "a run goes on after Clear")
		require.True(t, d.Complete(owner.Token, 1))
		require.Zero(t, d.Snapshot().InFlight)
	})
}

// Clear forgets keys in flight: their late results overwrite nothing newer.
func TestResilience24LateResultOfAForgottenFlight(t *testing.T) {
	d := make1[string, int](t, dedup.Window(time.Minute))
	old := d.Check("k").Token
	var r recorder
	d.Join("k", &r)
	d.Clear()
	keep(t, d, "k", 2)
	require.True(t, d.Complete(old, 1), "its followers are told")
	require.Equal(t, []int{1}, r.values)
	v, _ := d.Get("k")
	require.Equal(t, 2, v)
}

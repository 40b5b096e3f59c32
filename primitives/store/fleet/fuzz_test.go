package fleet_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/store"
	"github.com/weir-go/weir/primitives/store/fleet"
	"github.com/weir-go/weir/primitives/store/storetest"
)

// FuzzFleet lets three nodes go through anything: failures, probes, stores that
// are down, slow, old, lose answers or lose their data, changes by hand. At no time
// does a call wait. When all is well again, so is the fleet: every node comes to the
// same view, and closes when its calls succeed. Only a store that has lost its data
// is said to have.
func FuzzFleet(f *testing.F) {
	f.Add(uint8(0), []byte{0x00, 0x37, 0x31, 0x37, 0x02})
	f.Add(uint8(1), []byte{0x00, 0x37, 0x37, 0x12, 0x34, 0x24, 0x37, 0x01, 0x15, 0x37})
	f.Add(uint8(0), []byte{0x2e, 0x20, 0x37, 0x31, 0x20, 0x37}) // a vote whose answer was lost
	f.Add(uint8(3), []byte{0x00, 0x10, 0x37, 0x37, 0x06, 0x16, 0x22, 0x37, 0x13, 0x08, 0x37})
	f.Add(uint8(9), []byte{0x00, 0x37, 0x31, 0x11, 0x21, 0x02, 0x37, 0x01, 0x01})
	f.Add(uint8(18), []byte{0x00, 0x10, 0x07, 0x01, 0x11, 0x21, 0x0f, 0x00, 0x10, 0x08})
	f.Fuzz(func(t *testing.T, mode uint8, script []byte) {
		if len(script) > 60 {
			return
		}
		var opts []fleet.Option
		if mode&1 != 0 {
			opts = append(opts, fleet.ProbeOnce(3*time.Second))
		}
		if mode&2 != 0 {
			opts = append(opts, fleet.Quorum(2))
		}
		synctest.Test(t, func(t *testing.T) {
			var s store.Store = store.NewMemory()
			forget := func() {}
			if mode&16 != 0 {
				f := newForgetful()
				s, forget = f, f.forget
			}
			if mode&4 != 0 {
				s = mute{s}
			}
			var further []breaker.Option
			if mode&8 != 0 {
				further = append(further, breaker.Ramp(5*time.Second), breaker.CloseAfter(2, 3))
			}
			var nodes []*node
			for _, name := range []string{"a", "b", "c"} {
				n := newNodeWith(t, s, name, further, opts...)
				n.run(t)
				nodes = append(nodes, n)
			}
			for _, step := range script {
				if step&15 == 15 {
					forget()
				}
				act(t, nodes[step>>4%3], step&15)
			}
			for _, n := range nodes {
				n.way.Script(nil)
			}
			settle(t, nodes, mode&16 != 0)
		})
	})
}

func act(t *testing.T, n *node, what byte) {
	begin := time.Now()
	switch what {
	case 0:
		n.fails()
	case 1:
		_ = n.call(nil)
	case 2:
		_ = n.call(errSick)
	case 3:
		n.local.Reset()
	case 4:
		n.local.Trip()
	case 5:
		_, _ = n.local.Allow() // and is never heard of again
	case 6:
		n.way.Fail(errDown)
	case 7:
		pass(10*time.Second + 50*time.Millisecond)
		return
	case 8:
		pass(700 * time.Millisecond)
		return
	default:
		n.way.Script(map[byte]func(c storetest.Call) storetest.Fault{
			10: func(storetest.Call) storetest.Fault { return storetest.Fault{Stale: true} },
			11: func(storetest.Call) storetest.Fault { return storetest.Fault{Delay: 40 * time.Millisecond} },
			12: func(storetest.Call) storetest.Fault { return storetest.Fault{Delay: time.Minute} },
			13: func(c storetest.Call) storetest.Fault { return storetest.Fault{Drop: c.Op == storetest.Event} },
			14: func(c storetest.Call) storetest.Fault {
				if c.Op == storetest.CompareAndSet {
					return storetest.Fault{After: errDown}
				}
				return storetest.Fault{}
			},
		}[what])
	}
	require.Zero(t, time.Since(begin), "a call has waited")
	synctest.Wait()
}

// settle gives the fleet as much time as the longest opening, lease and question
// take one after the other, with calls that succeed.
func settle(t *testing.T, nodes []*node, forgets bool) {
	for range 200 {
		for _, n := range nodes {
			_ = n.call(nil)
		}
		pass(200 * time.Millisecond)
	}
	require.Equal(t, []breaker.State{closed, closed, closed}, states(nodes))
	first := nodes[0].Snapshot()
	for _, n := range nodes {
		s := n.Snapshot()
		require.False(t, s.Degraded)
		require.False(t, s.Down)
		require.Zero(t, s.Votes)
		require.Equal(t, first.Epoch, s.Epoch)
		seen := n.seen()
		if forgets {
			seen = without(seen, fleet.Wiped)
		}
		for i, kind := range seen {
			require.Equal(t, downAndUp[i%2], kind)
		}
	}
}

// FuzzDedup lets workers with all sorts of stores do jobs at the same time. The
// strict never do one twice at once, the lenient never fail because of the store,
// and no caller gets a result that was not worked out for the key.
func FuzzDedup(f *testing.F) {
	f.Add(uint8(1), []byte{0x00, 0x11, 0x22, 0x31, 0x02})
	f.Add(uint8(1), []byte{0x03, 0x36, 0x41, 0x30, 0x14, 0x51, 0x30}) // a claim that is lost and taken at one instant
	f.Add(uint8(3), []byte{0x03, 0x14, 0x25, 0x36, 0x47, 0x51, 0x62})
	f.Add(uint8(0), []byte{0x03, 0x14, 0x25, 0x36, 0x47, 0x51, 0x62, 0x41, 0x9a, 0x00})
	f.Add(uint8(6), []byte{0x00, 0x11, 0x08, 0x22, 0x17, 0x0f, 0x31, 0x02})
	f.Fuzz(func(t *testing.T, mode uint8, script []byte) {
		strict := mode&1 != 0
		if len(script) > 40 {
			return
		}
		synctest.Test(t, func(t *testing.T) {
			var s store.Store = store.NewMemory()
			if mode&2 != 0 {
				s = mute{s}
			}
			ttl := 10 * time.Second
			if mode&4 != 0 {
				ttl = 0
			}
			opts := []fleet.Option{fleet.Wait(30 * time.Second)}
			if strict {
				opts = append(opts, fleet.Strict())
			}
			all := workers(t, s, 3, ttl, opts...)
			jobs := []*job{{takes: time.Second}, {takes: 7 * time.Second}}
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			for _, step := range script {
				w, which := all[step>>4%3], int(step>>6&1)
				switch step & 15 {
				case 0, 1, 2, 3:
					key := []string{"short", "long"}[which]
					go func() {
						v, err := w.Do(ctx, key, jobs[which].run)
						if err == nil && (v < 1 || v > int(jobs[which].done.Load())) {
							panic("a result that no worker has worked out")
						}
						if err != nil && !strict {
							panic(err)
						}
					}()
				case 4:
					w.way.Fail(errDown)
				case 5:
					w.way.Fail(nil)
				case 6:
					w.way.Script(func(c storetest.Call) storetest.Fault {
						return storetest.Fault{Stale: c.N%2 == 0, Delay: time.Duration(c.N%5) * 20 * time.Millisecond}
					})
				case 7:
					w.way.Script(func(c storetest.Call) storetest.Fault {
						if c.Op == storetest.CompareAndSet && c.N%2 == 0 {
							return storetest.Fault{After: errDown}
						}
						return storetest.Fault{}
					})
				default:
					pass(time.Duration(step&7) * 700 * time.Millisecond)
				}
				synctest.Wait()
			}
			pass(2 * time.Hour)
			for _, j := range jobs {
				if strict {
					require.LessOrEqual(t, j.most.Load(), int64(1), "done twice at once")
				}
				require.Zero(t, j.at.Load())
			}
			for _, w := range all {
				require.Zero(t, w.Snapshot().Local.InFlight)
				require.True(t, slices.IsSorted(w.events[:min(2, len(w.events))]))
			}
		})
	})
}

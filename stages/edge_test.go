package stages

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// drain receives until the edge ends.
func drain(e *edge[int]) (all []int) {
	var batch []int
	for {
		var ok bool
		if batch, ok = nextBatch(e, batch); !ok {
			return all
		}
		all = append(all, batch...)
	}
}

func upTo(n int) (all []int) {
	for i := range n {
		all = append(all, i)
	}
	return all
}

func TestEdgeKeepsOrder(t *testing.T) {
	for _, bound := range []int{1, 2, 3, 7, 64, 256, 1000} {
		synctest.Test(t, func(t *testing.T) {
			e := newEdge[int](bound)
			go func() {
				defer closeEdge(e)
				for _, v := range upTo(500) {
					put(e, v)
				}
				for from := 500; from < 2000; from += 100 {
					putAll(e, upTo(2000)[from:from+100])
				}
			}()
			require.Equal(t, upTo(2000), drain(e))
		})
	}
}

func TestEdgeHoldsAtMostItsBoundInItems(t *testing.T) {
	for _, bound := range []int{1, 2, 5, 100, 300} {
		synctest.Test(t, func(t *testing.T) {
			e := newEdge[int](bound)
			accepted := 0
			go func() {
				defer closeEdge(e)
				for i := range bound + 10 {
					put(e, i)
					accepted++
				}
			}()
			synctest.Wait() // the sender is blocked now
			require.Equal(t, bound, accepted)
			require.Len(t, drain(e), bound+10)
		})
	}
}

// counted has a slow receiver count what comes. To be read in a bubble at rest.
func counted(e *edge[int]) *int {
	got := new(int)
	go func() {
		var batch []int
		for {
			var ok bool
			if batch, ok = nextBatch(e, batch); !ok {
				return
			}
			*got += len(batch)
			time.Sleep(time.Millisecond) // the sender goes on meanwhile
		}
	}()
	return got
}

// A sender that goes quiet with a batch in the making must not strand it.
func TestEdgeStrandsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEdge[int](256)
		got := counted(e)
		for i := range 100 {
			put(e, i)
			if i%7 == 0 {
				time.Sleep(300 * time.Microsecond)
			}
		}
		time.Sleep(time.Second) // the sender is busy with something else
		synctest.Wait()
		require.Equal(t, 100, *got)
		closeEdge(e)
	})
}

func TestEdgeTakesSeveralSenders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEdge[int](3)
		var wg sync.WaitGroup
		for s := range 8 {
			wg.Go(func() {
				for i := range 500 {
					put(e, s*1000+i)
				}
			})
		}
		go func() { wg.Wait(); closeEdge(e) }()
		last := map[int]int{}
		all := drain(e)
		require.Len(t, all, 4000)
		for _, v := range all {
			require.Equal(t, last[v/1000], v%1000, "the order of each sender is kept")
			last[v/1000]++
		}
	})
}

// The sender of a source puts its values without the mutex, in the same order
// and within the same bound, however the receiver comes and goes.
func TestALeaseIsAnEdgeLikeAnyOther(t *testing.T) {
	for _, bound := range []int{1, 2, 3, 16, 64, 256} {
		for _, pause := range []time.Duration{0, 1, 2 * time.Millisecond} {
			synctest.Test(t, func(t *testing.T) {
				e := newEdge[int](bound)
				accepted := 0
				go func() {
					defer closeEdge(e)
					l := lessee[int]{edge: e}
					defer endLease(&l)
					for i := range bound + 10 {
						putRented(&l, i)
						accepted++
					}
					for i := bound + 10; i < 1000; i++ {
						putRented(&l, i)
						if i%9 == 0 {
							time.Sleep(pause)
						}
					}
				}()
				synctest.Wait()
				require.Equal(t, bound, accepted)
				require.Zero(t, roomOn(&e.level))
				var all, batch []int
				for {
					var ok bool
					if batch, ok = nextBatch(e, batch); !ok {
						break
					}
					require.LessOrEqual(t, len(batch), max(1, min(64, bound/2)))
					all = append(all, batch...)
					time.Sleep(time.Millisecond)
				}
				require.Equal(t, upTo(1000), all)
				require.Equal(t, bound, roomOn(&e.level))
			})
		}
	}
}

// A value that is on a lease does not wait for the sender to come back.
func TestALeaseStrandsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEdge[int](256)
		got := counted(e)
		l := lessee[int]{edge: e}
		for i := range 100 {
			putRented(&l, i)
			if i%7 == 0 {
				time.Sleep(300 * time.Microsecond)
			}
		}
		time.Sleep(time.Second) // the sender is busy with something else
		synctest.Wait()
		require.Equal(t, 100, *got)
		endLease(&l)
		closeEdge(e)
	})
}

func FuzzEdge(f *testing.F) {
	f.Add(uint8(1), []byte{1, 2, 3})
	f.Add(uint8(64), []byte{0, 255, 17, 128})
	f.Fuzz(func(t *testing.T, bound uint8, script []byte) {
		synctest.Test(t, func(t *testing.T) {
			e := newEdge[int](max(int(bound), 1))
			n := 0
			for _, b := range script {
				n += int(b % 100)
			}
			go func() {
				defer closeEdge(e)
				rest := upTo(n)
				for _, b := range script {
					k := int(b % 100)
					if b >= 100 {
						putAll(e, rest[:k])
					} else {
						for _, v := range rest[:k] {
							put(e, v)
						}
					}
					rest = rest[k:]
					time.Sleep(time.Duration(b % 3))
				}
			}()
			require.Equal(t, upTo(n), drain(e))
		})
	})
}

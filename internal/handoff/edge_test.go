package handoff_test

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/weir-go/weir/internal/handoff"
	"github.com/weir-go/weir/internal/lineage"
	"github.com/weir-go/weir/internal/typed"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newEdge(bound int) *handoff.Edge {
	e := new(handoff.Edge)
	e.Init(handoff.Config{Columns: typed.Of[int](), Bound: bound, Clock: lineage.NewClock(), Timed: true})
	return e
}

// send sends the values from from up to to, and lets a receiver that costs less than limit be
// visited.
func send(e *handoff.Edge, from, to int, limit int64) {
	for from < to {
		b, at, room := e.Reserve(true)
		k := min(room, to-from, 1+from%5)
		for i := range k {
			typed.Values[int](b)[at+i] = from + i
		}
		e.Commit(k)
		e.Notify(limit, 0)
		from += k
	}
}

// receiver collects what comes. Its step leaves items behind now and then.
type receiver struct {
	e     *handoff.Edge
	got   []int
	calls int
}

func (r *receiver) step(b *handoff.Batch, from, to int, visitor bool, now int64) (last int64, ok bool) {
	if r.calls++; visitor && r.calls%7 == 0 {
		return now, false
	}
	r.got = append(r.got, typed.Values[int](b)[from:to]...)
	r.e.Consume(to - from)
	return now, true
}

func (r *receiver) run() {
	for {
		b, from, to := r.e.Await()
		if b == nil {
			return
		}
		r.step(b, from, to, false, 0)
	}
}

func count(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

func TestItemsArriveInOrder(t *testing.T) {
	const n = 5000
	for _, bound := range []int{1, 2, 3, 64, 256} {
		for _, visits := range []bool{false, true} {
			t.Run(fmt.Sprintf("bound=%d/visits=%v", bound, visits), func(t *testing.T) {
				e := newEdge(bound)
				r := &receiver{e: e}
				if visits {
					e.Visits(r.step)
					e.SetLoad(1)
				}
				var both sync.WaitGroup
				both.Go(r.run)
				both.Go(func() { send(e, 0, n, 100); e.Close() })
				both.Wait()
				require.Equal(t, count(n), r.got)
				require.EqualValues(t, n, e.Sent())
				require.Zero(t, e.State().Depth)
				require.False(t, e.State().Blocked)
			})
		}
	}
}

func TestAReceiverThatIsCheapIsVisited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEdge(64)
		r := &receiver{e: e}
		e.Visits(r.step)
		go r.run()
		defer e.Close()
		synctest.Wait()
		send(e, 0, 1, 100) // its load is not known yet
		synctest.Wait()
		require.False(t, e.State().Fused)
		require.True(t, e.Hungry())
		e.SetLoad(1)
		send(e, 1, 2, 100)
		require.Equal(t, count(2), r.got, "by this goroutine")
		require.True(t, e.State().Fused)
		e.SetLoad(200)
		send(e, 2, 3, 100)
		synctest.Wait()
		require.Equal(t, count(3), r.got)
		require.False(t, e.State().Fused)
	})
}

func TestAFullEdgeBlocksItsSender(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEdge(4)
		time.Sleep(time.Second)
		go func() { send(e, 0, 10, 0); e.Close() }()
		time.Sleep(time.Second)
		s := e.State()
		require.Equal(t, 4, s.Depth)
		require.True(t, s.Blocked)
		require.Equal(t, time.Second, s.Full)
		r := &receiver{e: e}
		r.run()
		require.Equal(t, count(10), r.got)
	})
}

func TestParkHearsAnAlarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newEdge(4), newEdge(4)
		time.Sleep(time.Second)
		require.True(t, a.Park(time.After(time.Second)))
		require.Equal(t, time.Second, a.State().Empty)
		require.True(t, handoff.ParkEither(a, b, time.After(time.Second)))
		for _, e := range []*handoff.Edge{a, b} {
			go send(e, 0, 1, 0)
			require.False(t, handoff.ParkEither(a, b, nil))
			_, from, to := e.View()
			e.Consume(to - from)
		}
		require.Equal(t, 2*time.Second, a.State().Empty)
	})
}

func TestWaitRoomHearsEachEdge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		edges := []*handoff.Edge{newEdge(2), newEdge(2), newEdge(2)}
		handoff.ShareRoom(edges)
		for _, e := range edges {
			send(e, 0, 2, 0)
		}
		for i, e := range edges {
			go func() { time.Sleep(time.Second); e.Consume(1) }()
			handoff.WaitRoom(edges)
			require.Equal(t, 1, e.Room())
			for _, other := range edges[i+1:] {
				require.Zero(t, other.Room())
			}
			send(e, 2, 3, 0)
		}
	})
}

package flow_test

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/sink"
	"github.com/weir-go/weir/stages/source"
)

// goroutine tells who is calling.
func goroutine() string {
	buf := make([]byte, 64)
	return string(bytes.Fields(buf[:runtime.Stack(buf, false)])[1])
}

// witness is a function that notes which goroutine called it last.
type witness struct {
	by    string
	calls int
	slow  func(call int) time.Duration
}

func (w *witness) call(_ context.Context, v int) (int, error) {
	w.by = goroutine()
	w.calls++
	if w.slow != nil {
		time.Sleep(w.slow(w.calls))
	}
	return v, nil
}

// abc is a flow of three stages and a sink; the source emits as fast as it can.
func abc(n int, a, b, c *witness, take func(int)) *flow.Graph {
	return flow.From(source.Seq(upToSeq(n))).Map("a", a.call).Map("b", b.call).Map("c", c.call).
		To(sink.ForEach(func(_ context.Context, v int) error { take(v); return nil }))
}

// upToSeq yields the numbers in spurts, so that all stages come to rest in between.
func upToSeq(n int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := range n {
			if i%50 == 0 && i < 500 {
				time.Sleep(time.Microsecond)
			}
			if !yield(i) {
				return
			}
		}
	}
}

// Cheap stages share a goroutine, which is none of the source's, and both the
// snapshot and the picture say so.
func TestCheapStagesShareAGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var a, b, c witness
		var by []string
		var got []int
		r, err := abc(1000, &a, &b, &c, func(v int) {
			if got = append(got, v); len(got) == 451 {
				by = []string{goroutine(), a.by, b.by, c.by}
				time.Sleep(time.Hour)
			}
		}).Start(t.Context())
		require.NoError(t, err)
		time.Sleep(time.Minute)
		var fused []bool
		for _, e := range r.Snapshot().Edges {
			fused = append(fused, e.Fused)
		}
		require.Equal(t, []bool{false, true, true, true}, fused)
		require.Contains(t, r.Mermaid(), "n2 -.->")
		require.Contains(t, r.DOT(), "style=dashed")
		rep, err := r.Wait()
		require.NoError(t, err)
		require.Equal(t, slices.Repeat(by[:1], 4), by)
		require.NoError(t, rep.Check())
		require.Equal(t, upTo(1000), got)
	})
}

// Stages that turn slow are parted: their calls overlap.
func TestSlowStagesArePartedAndOverlap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const calm, n = 500, 1500
		slow := func(call int) time.Duration {
			if call <= calm {
				return 0
			}
			return time.Millisecond
		}
		a, b, c := witness{slow: slow}, witness{slow: slow}, witness{}
		rep, err := abc(n, &a, &b, &c, func(int) {}).Run(t.Context())
		require.NoError(t, err)
		require.NotEqual(t, a.by, b.by)
		// One after the other they would take two seconds.
		require.Less(t, rep.Elapsed, 1200*time.Millisecond)
	})
}

// A stage that is slow now and then keeps the stage above no longer than that
// call, and what it had handed on before is through.
func TestASlowCallHoldsUpNothingBeforeIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls, arrived atomic.Int64
		nap := func(call int) time.Duration {
			if call == 500 {
				return time.Second
			}
			return 0
		}
		var a, c witness
		b := witness{slow: func(call int) time.Duration { calls.Add(1); return nap(call) }}
		r, err := abc(5000, &a, &b, &c, func(int) { arrived.Add(1) }).Start(t.Context())
		require.NoError(t, err)
		time.Sleep(time.Millisecond)
		synctest.Wait()
		require.EqualValues(t, 500, calls.Load())
		require.GreaterOrEqual(t, arrived.Load(), int64(500-64), "all but those that share its clock reads")
		rep, err := r.Wait()
		require.NoError(t, err)
		require.Equal(t, time.Second, rep.Elapsed.Truncate(time.Millisecond))
		require.EqualValues(t, 5000, arrived.Load())
		tm, _ := rep.Stage("b")
		require.Equal(t, time.Second, tm.Effort.Work, "who was slow is known")
		for _, name := range []string{"a", "c"} {
			tm, _ := rep.Stage(name)
			require.Zero(t, tm.Effort.Work)
		}
	})
}

// Whoever does a stage's work for it does not wait for room below: the stage
// above runs on until its own edge is full.
func TestAGuestDoesNotWaitForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var a, b witness
		release := make(chan struct{})
		taken := 0
		g := flow.From(source.Seq(upToSeq(5000))).Map("a", a.call).Map("b", b.call, stages.Buffer(100)).
			To(stages.SinkFunc[int](func(_ context.Context, in *stages.Inlet[int]) error {
				for it := range in.All() {
					if taken++; taken == 1000 {
						<-release
					}
					in.Done(it)
				}
				return nil
			}))
		r, err := g.Start(t.Context())
		require.NoError(t, err)
		time.Sleep(time.Second)
		synctest.Wait()
		edges := r.Snapshot().Edges
		for _, e := range edges {
			require.True(t, e.Blocked, "%s to %s", e.From, e.To)
			require.Greater(t, e.Depth, e.Bound/2, "%s to %s: a sender that waited goes on at half of the bound", e.From, e.To)
		}
		close(release)
		rep, err := r.Wait()
		require.NoError(t, err)
		require.NoError(t, rep.Check())
	})
}

// The iterator of a source may hold a lock that a stage takes: the source's
// goroutine calls no stage.
func TestASourceMayHoldALockThatASinkTakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		got := 0
		locked := func(yield func(int) bool) {
			for chunk := range 10 { // no more than the edge holds
				mu.Lock()
				for i := range 20 {
					if !yield(chunk*20 + i) {
						break
					}
				}
				mu.Unlock()
			}
		}
		_, err := flow.From(source.Seq(locked)).ForEach(t.Context(), func(context.Context, int) error {
			mu.Lock()
			defer mu.Unlock()
			got++
			return nil
		})
		require.NoError(t, err)
		require.Equal(t, 200, got)
	})
}

// A function that ends a goroutine which is not its own fails its item and ends the run. The
// neighbours, and the stage whose goroutine it was, lose nothing: the books balance.
func TestAGoexitInASharedGoroutine(t *testing.T) {
	for _, at := range []string{"a", "b", "c"} {
		synctest.Test(t, func(t *testing.T) {
			exit := func(call int) time.Duration {
				if call >= 500 && call%50 == 0 {
					runtime.Goexit()
				}
				return 0
			}
			var a, b, c witness
			map[string]*witness{"a": &a, "b": &b, "c": &c}[at].slow = exit
			var got []int
			rep := &flow.Report{}
			_, err := flow.From(source.Seq(upToSeq(1000))).Map("a", a.call).Map("b", b.call).Map("c", c.call).
				To(sink.Append(&got)).Run(t.Context(), flow.ReportTo(rep))
			require.ErrorIs(t, err, stages.ErrGoexit)
			var item *stages.ItemError
			require.ErrorAs(t, err, &item)
			require.Equal(t, at, item.Stage)
			require.True(t, slices.IsSorted(got))
			require.LessOrEqual(t, len(got), 500)
			require.NoError(t, rep.Check())
		})
	}
}

// Workers that are set while the stage is fused come to work.
func TestWorkersOfAFusedStage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var a, c witness
		var r *flow.Run
		var mu sync.Mutex
		busy, most, calls := 0, 0, 0
		b := func(_ context.Context, v int) (int, error) {
			mu.Lock()
			calls++
			if calls == 500 {
				go func() { _ = r.SetWorkers("b", 4) }()
			}
			busy++
			most = max(most, busy)
			late := calls > 1000
			mu.Unlock()
			if late {
				time.Sleep(time.Millisecond)
			}
			mu.Lock()
			busy--
			mu.Unlock()
			return v, nil
		}
		var got []int
		var err error
		started := make(chan struct{})
		r, err = flow.From(source.Seq(func(yield func(int) bool) {
			<-started
			for i := range 3000 {
				if i%100 == 0 {
					time.Sleep(time.Millisecond)
				}
				if !yield(i) {
					return
				}
			}
		})).Map("a", a.call).Map("b", b).Map("c", c.call).
			To(sink.Append(&got)).Start(t.Context())
		require.NoError(t, err)
		close(started)
		_, err = r.Wait()
		require.NoError(t, err)
		require.Equal(t, 4, most)
		require.Equal(t, upTo(3000), got)
	})
}

// FuzzFusion builds flows of cheap stages that fail, drop, panic, and turn slow
// once in a while, and compares what comes out with plain calls.
func FuzzFusion(f *testing.F) {
	f.Add([]byte{0, 0, 0}, uint64(1), uint16(0))
	f.Add([]byte{0, 1, 2, 0, 3}, uint64(2), uint16(300))
	f.Add([]byte{1, 0, 0, 2, 0, 0}, uint64(3), uint16(7))
	f.Fuzz(func(t *testing.T, kinds []byte, seed uint64, stop uint16) {
		synctest.Test(t, func(t *testing.T) {
			kinds = kinds[:min(len(kinds), 8)]
			const n = 2000
			s := flow.From(source.Seq(upToSeq(n)))
			for i, k := range kinds {
				s = mostlyCheap{seed + uint64(i), k}.extend(s, string(rune('a'+i)))
			}
			var want, got []int
			for v := range n {
				want = append(want, oddValues(kinds, seed, v)...)
			}
			ctx, abort := context.WithCancelCause(t.Context())
			defer abort(nil)
			rep := &flow.Report{}
			for r := range s.Results(ctx, flow.ReportTo(rep)) {
				if r.Err == nil {
					if got = append(got, r.Value); stop > 0 && len(got) == int(stop) {
						abort(errFlaky)
					}
				}
			}
			require.NoError(t, rep.Check())
			if ctx.Err() == nil {
				require.Equal(t, want, got)
			} else {
				require.LessOrEqual(t, len(got), len(want))
			}
		})
	})
}

// mostlyCheap is a stage that is cheap on the whole.
type mostlyCheap struct {
	seed uint64
	kind byte
}

func (o mostlyCheap) rand(v int) *rand.Rand { return rand.New(rand.NewPCG(o.seed, uint64(v))) }

var errOdd = errors.New("odd")

// fate is what becomes of an item, by its value.
func (o mostlyCheap) fate(v int) int { return o.rand(v).IntN(100) }

func (o mostlyCheap) call(_ context.Context, v int) (int, error) {
	r := o.rand(v)
	switch fate := r.IntN(100); {
	case fate == 0:
		return 0, errOdd
	case fate == 1:
		panic("odd")
	case fate < 5:
		return 0, stages.ErrDrop
	case fate == 5 && r.IntN(3) == 0:
		time.Sleep(time.Millisecond)
	}
	return v, nil
}

func (o mostlyCheap) extend(s *flow.Stream[int], name string) *flow.Stream[int] {
	buffer := stages.Buffer(1 + int(o.kind>>2))
	switch o.kind % 4 {
	case 0, 1:
		return s.Map(name, o.call, buffer)
	case 2:
		return s.FlatMap(name, func(_ context.Context, v int) (iter.Seq[int], error) {
			return slices.Values([]int{v, v}[:o.fate(v)%3]), nil
		}, buffer)
	default:
		return s.Filter(name, func(_ context.Context, v int) (bool, error) { return o.fate(v) > 10, nil }, buffer)
	}
}

// oddValues is what the stages make of v.
func oddValues(kinds []byte, seed uint64, v int) []int {
	values := []int{v}
	for i, k := range kinds {
		o := mostlyCheap{seed + uint64(i), k}
		times := 1
		switch k % 4 {
		case 0, 1:
			if o.fate(v) < 5 {
				times = 0
			}
		case 2:
			times = o.fate(v) % 3
		default:
			if o.fate(v) <= 10 {
				times = 0
			}
		}
		values = slices.Repeat(values, times)
	}
	return values
}

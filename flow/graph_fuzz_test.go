package flow_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/operator"
	"github.com/weir-go/weir/stages/sink"
)

// postbox hands out values that want an acknowledgement, and notes how often
// each was acknowledged.
type postbox struct {
	n     int
	burst int // values that share an acknowledgement
	pause time.Duration

	mu    sync.Mutex // settle is called from any goroutine
	heard []int
	taken []bool
}

// Run is a source; a postbox serves one run.
func (p *postbox) Run(ctx context.Context, out *stages.Outlet[int]) error {
	for i := 0; i < p.n && ctx.Err() == nil; i += p.burst {
		if i%8 == 0 && p.pause > 0 {
			select {
			case <-ctx.Done():
			case <-time.After(p.pause):
			}
		}
		k := len(p.taken)
		p.mu.Lock()
		p.heard, p.taken = append(p.heard, 0), append(p.taken, false)
		p.mu.Unlock()
		vs := make([]int, p.burst)
		for j := range vs {
			vs[j] = i + j
		}
		took := out.EmitAcked(func(error) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.heard[k]++
		}, vs...)
		p.mu.Lock()
		p.taken[k] = took
		p.mu.Unlock()
	}
	return nil
}

// check requires that what was taken was acknowledged once, and nothing else.
func (p *postbox) check(t *testing.T) {
	t.Helper()
	for k := range p.taken {
		want := 0
		if p.taken[k] {
			want = 1
		}
		require.Equal(t, want, p.heard[k], "acknowledgements of delivery %d", k)
	}
}

// weaver builds a random graph: each step takes one or two of the streams that
// are open and leaves others in their place.
type weaver struct {
	chaos
	g      *flow.Graph
	boxes  []*postbox
	open   []*flow.Stream[int]
	steps  int
	growth int // steps that make more of what comes
}

func (w *weaver) source(b byte) {
	box := &postbox{n: 40 + 3*int(b), burst: 1 + int(b>>4)%3, pause: time.Duration(b%4) * time.Millisecond}
	w.boxes = append(w.boxes, box)
	w.open = append(w.open, w.g.From(box, stages.Name(fmt.Sprint("source-", len(w.boxes)))))
}

// pick removes one of the open streams.
func (w *weaver) pick(b byte) *flow.Stream[int] {
	i := int(b) % len(w.open)
	s := w.open[i]
	w.open = slices.Delete(w.open, i, i+1)
	return s
}

func (w *weaver) put(s ...*flow.Stream[int]) { w.open = append(w.open, s...) }

// step does what op says, on streams that arg says.
func (w *weaver) step(op, arg byte) {
	w.steps++
	w.seed++
	if len(w.open) == 0 || op%24 == 0 && len(w.boxes) < 4 {
		w.source(arg)
		return
	}
	name := fmt.Sprint("stage-", w.steps)
	buffer := stages.Buffer(1 + int(arg>>3)%9)
	s := w.pick(arg)
	switch op % 24 {
	case 1, 2, 3:
		w.put(w.fork(s, op%24, 2+int(arg>>6), buffer)...)
	case 4, 5, 6:
		w.fuse(s, name, op%24, arg, buffer)
	case 7:
		w.put(s.Lanes(name, func(v int) int { return v % 5 }, w.call, stages.Workers(1+int(arg)%4), buffer))
	case 8, 9:
		w.put(s.Via(name, w.broken(int(arg)), buffer))
	case 10:
		w.put(s.Via(name, operator.Deadline[int](time.Duration(arg)*time.Millisecond)))
	case 11:
		w.put(s.Via(name, operator.Remember[int]()))
	case 12:
		w.end(s, arg)
	case 14:
		w.put(s.Via(name, operator.MapBatch(1+int(arg)%8, time.Millisecond, w.bulk, stages.Workers(1+int(arg>>5)), buffer)))
	case 15:
		w.put(s.Window(operator.Sliding(3*time.Millisecond, time.Duration(1+arg%3)*time.Millisecond), stages.Name(name)).
			Map(name+"-size", func(ctx context.Context, v operator.WindowOf[int]) (int, error) { return len(v.Items), nil }))
	case 13:
		w.put(s.FlatMap(name, w.several, buffer))
	default:
		w.put(w.extend(s, name, op/24*16+op%24))
	}
}

// fork splits a stream; branches beyond what a graph of this size can do with
// end at once.
func (w *weaver) fork(s *flow.Stream[int], kind byte, n int, buffer stages.BufferOption) []*flow.Stream[int] {
	if len(w.open)+n > 6 || w.growth > 3 {
		return []*flow.Stream[int]{s}
	}
	switch kind {
	case 1:
		w.growth++
		return s.Broadcast(n, buffer)
	case 2:
		return s.Balance(n, buffer)
	}
	return s.Partition(n, func(v int) int {
		if v%31 == 30 {
			panic("no lane")
		}
		return v % (n + 1) % 4 // which may be one too many
	}, buffer)
}

// fuse joins two streams.
func (w *weaver) fuse(s *flow.Stream[int], name string, kind, arg byte, buffer stages.BufferOption) {
	if len(w.open) == 0 {
		w.put(s)
		return
	}
	other := w.pick(arg >> 2)
	sum := func(a, b int) int {
		if a%29 == 28 {
			panic("no sum")
		}
		return a + b
	}
	mod := func(v int) int { return v % 64 }
	switch {
	case kind == 4:
		w.put(flow.Gather(name, operator.Merge[int](), []*flow.Stream[int]{s, other}, buffer))
	case kind == 5 && arg&1 == 0:
		w.put(flow.Gather(name, operator.Concat[int](), []*flow.Stream[int]{s, other}, buffer))
	case kind == 5 || w.growth > 2:
		w.put(s.Zip(other, sum, buffer, stages.Name(name)))
	default:
		w.growth++
		w.put(s.Join(other, 2*time.Millisecond, mod, mod, sum, buffer, stages.Name(name)))
	}
}

// bulk is a call with many items, some of which fail.
func (w *weaver) bulk(ctx context.Context, vs []int) ([]int, error) {
	failed := map[int]error{}
	for i, v := range vs {
		if _, err := (chaos{w.seed}).call(ctx, v); err != nil {
			failed[i] = err
		}
	}
	if len(failed) == 0 {
		return vs, nil
	}
	return vs, &stages.BatchError{Errs: failed}
}

// several is a function of a FlatMap whose sequence may panic.
func (w *weaver) several(ctx context.Context, v int) (iter.Seq[int], error) {
	_, err := chaos{w.seed}.call(ctx, v)
	return func(yield func(int) bool) {
		for i := range v % 3 {
			if v%37 == 36 && i == 1 {
				panic("in the sequence")
			}
			if !yield(v + i) {
				return
			}
		}
	}, err
}

var errBroken = errors.New("broken")

// broken is a stage of one's own that ends after n items: it has enough, it
// returns an error, it panics, or it ends its goroutine.
func (w *weaver) broken(n int) stages.Stage[int, int] {
	return stages.StageFunc[int, int](func(_ context.Context, in *stages.Inlet[int], out *stages.Outlet[int]) error {
		for range n {
			it, ok := in.Next()
			switch {
			case !ok:
				return nil
			case it.Value%11 == 10:
				in.Fail(it, errFlaky)
			case it.Value%11 == 9:
				in.Drop(it)
			default:
				out.Send(it)
			}
		}
		switch n % 5 {
		case 0:
			return errBroken
		case 1:
			panic(errBroken)
		case 2:
			runtime.Goexit()
		}
		return nil
	})
}

// end joins a sink on: one that takes all, one behind a policy, or one that
// stops the run with the first failure.
func (w *weaver) end(s *flow.Stream[int], b byte) {
	save := func(ctx context.Context, v int) error { _, err := w.call(ctx, v); return err }
	put := func(ctx context.Context, e *stages.ItemError) error { _, err := w.call(ctx, int(b)); return err }
	name := stages.Name(fmt.Sprint("sink-", w.steps, "-", len(w.open)))
	switch b % 4 {
	case 0:
		s.To(sink.ForEach(save), name)
	case 1:
		s.DeadLetter(put).To(sink.ForEach(func(context.Context, int) error { return nil }), name)
	case 2:
		s.To(stages.SinkFunc[int](func(_ context.Context, in *stages.Inlet[int]) error {
			for it := range in.All() {
				in.Done(it)
				if it.Value == 33 {
					return errBroken
				}
			}
			return nil
		}), name)
	default:
		s.To(takesAll{}, name)
	}
}

// takesAll is a sink that takes failures, too.
type takesAll struct{}

func (takesAll) TakesFailures() bool { return true }

func (takesAll) Run(_ context.Context, in *stages.Inlet[int]) error {
	for it := range in.All() {
		in.Done(it)
	}
	return nil
}

// FuzzGraph builds random graphs with random faults, stops or aborts them at
// random times, and checks that each node and the run account for all items,
// that each delivery is acknowledged once, and that no goroutine is left.
func FuzzGraph(f *testing.F) {
	f.Add([]byte{0, 9, 1, 2, 14, 0, 15, 1, 4, 0}, uint64(1), uint16(0))
	f.Add([]byte{0, 200, 0, 33, 5, 1, 7, 3, 13, 0, 12, 3}, uint64(2), uint16(0x4020))
	f.Add([]byte{0, 90, 3, 0x48, 20, 0, 21, 1, 6, 0, 4, 7}, uint64(3), uint16(0x8010))
	f.Add([]byte{0, 50, 2, 0x42, 17, 1, 8, 21, 16, 1, 5, 1}, uint64(4), uint16(0x4004))
	f.Add([]byte{0, 250, 1, 0, 0, 250, 1, 2, 5, 1, 14, 0, 5, 1, 5, 0}, uint64(5), uint16(0xc008))
	f.Fuzz(func(t *testing.T, program []byte, seed uint64, end uint16) {
		synctest.Test(t, func(t *testing.T) { runGraph(t, program, seed, end) })
	})
}

func runGraph(t *testing.T, program []byte, seed uint64, end uint16) {
	w := &weaver{chaos: chaos{seed}, g: flow.New()}
	for i := 0; i+1 < min(len(program), 32); i += 2 {
		w.step(program[i], program[i+1])
	}
	for len(w.open) > 0 {
		w.end(w.pick(0), byte(end)+byte(len(w.open)))
	}
	opts := []flow.RunOption{flow.DrainTimeout(time.Duration(1+end&0xff) * 10 * time.Millisecond)}
	if end&0x100 != 0 {
		opts = append(opts, flow.Untimed())
	}
	r, err := w.g.Start(t.Context(), opts...)
	if err != nil {
		require.ErrorIs(t, err, flow.ErrGraph)
		return
	}
	at := time.AfterFunc(time.Duration(end&0x7ff)*time.Millisecond/4, func() {
		if end&0x8000 != 0 {
			r.Stop()
		}
		if end&0x4000 != 0 {
			r.Abort(errBroken)
		}
	})
	defer at.Stop()
	rep, _ := r.Wait()
	require.NoError(t, rep.Check())
	for _, box := range w.boxes {
		box.check(t)
	}
}

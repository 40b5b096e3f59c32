package stages

import (
	"context"
	"testing"

	"github.com/sourcegraph/conc"
)

func BenchmarkThreeStages(b *testing.B) {
	for _, untimed := range []bool{false, true} {
		name := "timed"
		if untimed {
			name = "untimed"
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			inc := Map(func(_ context.Context, v int) (int, error) { return v + 1, nil })
			rt := NewRuntime(context.Background(), untimed, "source", "a", "b", "c", "sink")
			defer rt.Close()
			nodes := rt.Nodes()
			var outs [4]*Outlet[int]
			var ins [4]*Inlet[int]
			for i := range 4 {
				outs[i], ins[i] = Link[int](rt, nodes[i], nodes[i+1], 256)
			}
			var wg conc.WaitGroup
			wg.Go(func() {
				RunSource(Seq(func(yield func(int) bool) {
					for i := range b.N {
						if !yield(i) {
							return
						}
					}
				}), outs[0])
			})
			for i := range 3 {
				wg.Go(func() { RunStage(inc, ins[i], outs[i+1]) })
			}
			n := 0
			RunSink(ForEach(func(_ context.Context, v int) error { n++; return nil }), ins[3])
			wg.Wait()
			if n != b.N {
				b.Fatal(n)
			}
		})
	}
}

func BenchmarkHandWritten(b *testing.B) {
	b.ReportAllocs()
	type rec struct {
		v   int
		err error
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	inc := func(_ context.Context, v int) (int, error) { return v + 1, nil }
	stage := func(in, out chan rec) {
		defer close(out)
		for r := range in {
			if r.err == nil {
				r.v, r.err = inc(ctx, r.v)
			}
			select {
			case out <- r:
			case <-ctx.Done():
				return
			}
		}
	}
	var chs [4]chan rec
	for i := range chs {
		chs[i] = make(chan rec, 128)
	}
	for i := range 3 {
		go stage(chs[i], chs[i+1])
	}
	go func() {
		defer close(chs[0])
		for i := range b.N {
			select {
			case chs[0] <- rec{v: i}:
			case <-ctx.Done():
				return
			}
		}
	}()
	n := 0
	for range chs[3] {
		n++
	}
	if n != b.N {
		b.Fatal(n)
	}
}

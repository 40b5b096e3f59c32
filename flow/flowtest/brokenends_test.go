package flowtest

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/stages"
)

func sourceOf(run func(ctx context.Context, out *stages.Outlet[int]) error) SourceCase[int] {
	return SourceCase[int]{Brings: five, New: func() stages.Source[int] { return stages.SourceFunc[int](run) }}
}

// ticks brings 1, 2, 3 ... each tenth of a second until wait says no.
func ticks(out *stages.Outlet[int], wait func() bool) error {
	for i := 1; wait(); i++ {
		if !out.Emit(i) {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return nil
}

func TestTheSourceSuiteFailsBrokenSources(t *testing.T) {
	for _, tt := range []struct {
		name, check string
		broken      func(release <-chan struct{}) SourceCase[int]
	}{
		{"brings too little", "it brings what it has, in order", func(<-chan struct{}) SourceCase[int] {
			return sourceOf(func(_ context.Context, out *stages.Outlet[int]) error { out.Emit(1); return nil })
		}},
		{"brings it in another order", "it brings what it has, in order", func(<-chan struct{}) SourceCase[int] {
			return sourceOf(func(_ context.Context, out *stages.Outlet[int]) error {
				for _, v := range []int{2, 1, 3, 4, 5} {
					out.Emit(v)
				}
				return nil
			})
		}},
		{"ends with an error", "it brings what it has, in order", func(<-chan struct{}) SourceCase[int] {
			return sourceOf(func(context.Context, *stages.Outlet[int]) error { return errors.New("the end") })
		}},
		{"does not stop", "it ends when the intake stops", func(release <-chan struct{}) SourceCase[int] {
			c := sourceOf(func(_ context.Context, out *stages.Outlet[int]) error {
				return ticks(out, func() bool {
					select {
					case <-release:
						return false
					default:
						return true
					}
				})
			})
			c.Endless = true
			return c
		}},
		{"takes a stop for an error", "it ends when the intake stops", func(<-chan struct{}) SourceCase[int] {
			c := sourceOf(func(ctx context.Context, _ *stages.Outlet[int]) error {
				<-ctx.Done()
				return errors.New("stopped")
			})
			c.Endless = true
			return c
		}},
		{"waits for its world at a stop", "it ends when no stage wants more", func(release <-chan struct{}) SourceCase[int] {
			c := sourceOf(func(context.Context, *stages.Outlet[int]) error { <-release; return nil })
			c.Endless = true
			return c
		}},
		{"does not hear of an abort", "an abort ends it", func(release <-chan struct{}) SourceCase[int] {
			return sourceOf(func(context.Context, *stages.Outlet[int]) error { <-release; return nil })
		}},
		{"goes on after an abort", "an abort ends it blocked", func(release <-chan struct{}) SourceCase[int] {
			return sourceOf(func(_ context.Context, out *stages.Outlet[int]) error {
				for range 20_000 { // the word of an abort takes a moment
					if !out.Emit(1) {
						<-release
					}
				}
				return nil
			})
		}},
		{"acknowledges what it has only brought", "acknowledgements come once", func(<-chan struct{}) SourceCase[int] {
			var acks atomic.Int64
			c := sourceOf(func(_ context.Context, out *stages.Outlet[int]) error {
				for _, v := range five {
					out.EmitAcked(func(error) { acks.Add(1) }, v)
					acks.Add(1)
				}
				return nil
			})
			c.Acks = func() int { return int(acks.Load()) }
			return c
		}},
		{"leaves a goroutine behind", "it brings what it has, in order", func(release <-chan struct{}) SourceCase[int] {
			return sourceOf(func(_ context.Context, out *stages.Outlet[int]) error {
				go func() { <-release }()
				for _, v := range five {
					out.Emit(v)
				}
				return nil
			})
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			require.Contains(t, failures(t, sourceChecks[int](), tt.broken), tt.check)
		})
	}
}

func TestTheSourceSuitePassesASoundSource(t *testing.T) {
	require.Empty(t, failures(t, sourceChecks[int](), func(<-chan struct{}) SourceCase[int] {
		return sourceOf(func(ctx context.Context, out *stages.Outlet[int]) error {
			for _, v := range five {
				if ctx.Err() != nil || !out.Emit(v) {
					break
				}
			}
			return nil
		})
	}))
}

// sink is a case whose sink does f for each item.
func sinkOf(f func(ctx context.Context, call func(context.Context) error, in *stages.Inlet[int], it stages.Item[int])) SinkCase[int] {
	return SinkCase[int]{In: five, New: func(call func(context.Context) error) stages.Sink[int] {
		return stages.SinkFunc[int](func(ctx context.Context, in *stages.Inlet[int]) error {
			for it := range in.All() {
				f(ctx, call, in, it)
			}
			return nil
		})
	}}
}

func soundSink(ctx context.Context, call func(context.Context) error, in *stages.Inlet[int], it stages.Item[int]) {
	defer func() {
		if v := recover(); v != nil {
			in.Fail(it, &stages.PanicError{Value: v})
		}
	}()
	if err := call(ctx); err != nil {
		in.Fail(it, err)
		return
	}
	in.Done(it)
}

// takesFailed is a sink that takes failures.
type takesFailed struct{ stages.SinkFunc[int] }

func (takesFailed) TakesFailures() bool { return true }

func TestTheSinkSuitePassesASoundSink(t *testing.T) {
	require.Empty(t, failures(t, sinkChecks[int](), func(<-chan struct{}) SinkCase[int] { return sinkOf(soundSink) }))
}

func TestTheSinkSuiteFailsBrokenSinks(t *testing.T) {
	type in = *stages.Inlet[int]
	type item = stages.Item[int]
	type call = func(context.Context) error
	for _, tt := range []struct {
		name, check string
		broken      func(release <-chan struct{}) SinkCase[int]
	}{
		{"loses an item", "it takes every item, in order", func(<-chan struct{}) SinkCase[int] {
			return sinkOf(func(_ context.Context, _ call, i in, it item) {
				if it.Value != 3 {
					i.Done(it)
				}
			})
		}},
		{"says something else than it took", "it takes every item, in order", func(<-chan struct{}) SinkCase[int] {
			c := sinkOf(soundSink)
			c.Took = func() []int { return []int{1, 2} }
			return c
		}},
		{"drops what it should take", "it takes every item, in order", func(<-chan struct{}) SinkCase[int] {
			return sinkOf(func(_ context.Context, _ call, i in, it item) { i.Drop(it) })
		}},
		{"waits at the end", "an empty stream ends", func(release <-chan struct{}) SinkCase[int] {
			return SinkCase[int]{In: five, New: func(call) stages.Sink[int] {
				return stages.SinkFunc[int](func(_ context.Context, i in) error {
					for it := range i.All() {
						i.Done(it)
					}
					<-release
					return nil
				})
			}}
		}},
		{"takes failures and loses them", "a failed item stops the run, or is taken", func(<-chan struct{}) SinkCase[int] {
			return SinkCase[int]{In: five, New: func(call) stages.Sink[int] {
				return takesFailed{func(_ context.Context, i in) error {
					for it := range i.All() {
						if it.Err() == nil {
							i.Done(it)
						}
					}
					return nil
				}}
			}}
		}},
		{"is slow for ever", "it drains when the intake stops", func(<-chan struct{}) SinkCase[int] {
			return sinkOf(func(_ context.Context, _ call, i in, it item) { time.Sleep(time.Second); i.Done(it) })
		}},
		{"does not hear of an abort", "an abort ends it at work", func(release <-chan struct{}) SinkCase[int] {
			return sinkOf(func(_ context.Context, _ call, i in, it item) { <-release; i.Done(it) })
		}},
		{"does not hear of an abort between items", "an abort ends it waiting for items", func(release <-chan struct{}) SinkCase[int] {
			return sinkOf(func(_ context.Context, _ call, i in, it item) { i.Done(it); <-release })
		}},
		{"calls its function without the context", "an abort ends it while its function waits", func(release <-chan struct{}) SinkCase[int] {
			return sinkOf(func(_ context.Context, c call, i in, it item) {
				ctx, cancel := context.WithCancel(context.Background())
				go func() { <-release; cancel() }()
				_ = c(ctx)
				i.Done(it)
			})
		}},
		{"never acknowledges", "acknowledgements come once", func(<-chan struct{}) SinkCase[int] {
			return sinkOf(func(context.Context, call, in, item) {})
		}},
		{"takes an error for a success", "an error of its function is acknowledged as one", func(<-chan struct{}) SinkCase[int] {
			return sinkOf(func(ctx context.Context, c call, i in, it item) { _ = c(ctx); i.Done(it) })
		}},
		{"lets panics through", "a panic of its function is contained", func(<-chan struct{}) SinkCase[int] {
			return sinkOf(func(ctx context.Context, c call, i in, it item) {
				if c(ctx) == nil {
					i.Done(it)
				}
			})
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			require.Contains(t, failures(t, sinkChecks[int](), tt.broken), tt.check)
		})
	}
}

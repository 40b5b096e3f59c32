package flowtest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/operator"
)

var five = []int{1, 2, 3, 4, 5}

// stage is a case whose stage does f for each item, and end at the end.
func stageOf(f func(ctx context.Context, call func(context.Context) error, in *stages.Inlet[int], out *stages.Outlet[int], it stages.Item[int]), end func()) StageCase[int, int] {
	return StageCase[int, int]{In: five, Out: five, New: func(call func(context.Context) error) stages.Stage[int, int] {
		return stages.StageFunc[int, int](func(ctx context.Context, in *stages.Inlet[int], out *stages.Outlet[int]) error {
			for it := range in.All() {
				f(ctx, call, in, out, it)
			}
			if end != nil {
				end()
			}
			return nil
		})
	}}
}

// sound is a stage that keeps its contract: the control.
func sound(ctx context.Context, call func(context.Context) error, in *stages.Inlet[int], out *stages.Outlet[int], it stages.Item[int]) {
	defer func() {
		if v := recover(); v != nil {
			in.Fail(it, &stages.PanicError{Value: v})
		}
	}()
	if err := call(ctx); err != nil {
		in.Fail(it, err)
		return
	}
	out.Send(it)
}

// takesAll is a stage that takes failures.
type takesAll struct{ stages.StageFunc[int, int] }

func (takesAll) TakesFailures() bool { return true }

func TestTheStageSuitePassesASoundStage(t *testing.T) {
	found := failures(t, stageChecks[int, int](), func(<-chan struct{}) StageCase[int, int] {
		c := stageOf(sound, nil)
		c.New = quiet(c.New)
		return c
	})
	require.Empty(t, found)
}

// quiet has the function fail where it would end the goroutine, which a stage this
// simple does not survive with its item.
func quiet(build func(func(context.Context) error) stages.Stage[int, int]) func(func(context.Context) error) stages.Stage[int, int] {
	return func(call func(context.Context) error) stages.Stage[int, int] {
		return build(func(ctx context.Context) (err error) {
			done := make(chan struct{})
			err = stages.ErrGoexit
			var panicked any
			go func() {
				defer close(done)
				defer func() { panicked = recover() }()
				err = call(ctx)
			}()
			<-done
			if panicked != nil {
				panic(panicked)
			}
			return err
		})
	}
}

func TestTheStageSuiteFailsBrokenStages(t *testing.T) {
	type in = *stages.Inlet[int]
	type out = *stages.Outlet[int]
	type item = stages.Item[int]
	type call = func(context.Context) error
	for _, tt := range []struct {
		name, check string
		broken      func(release <-chan struct{}) StageCase[int, int]
	}{
		{"loses an item", "every item is accounted for", func(<-chan struct{}) StageCase[int, int] {
			return stageOf(func(ctx context.Context, c call, i in, o out, it item) {
				if it.Value != 3 {
					sound(ctx, c, i, o, it)
				}
			}, nil)
		}},
		{"never lets an acknowledgement come", "acknowledgements come once", func(<-chan struct{}) StageCase[int, int] {
			return stageOf(func(_ context.Context, _ call, _ in, o out, it item) { o.Emit(it.Value) }, nil)
		}},
		{"sends an item twice", "every item is accounted for", func(<-chan struct{}) StageCase[int, int] {
			return stageOf(func(_ context.Context, _ call, _ in, o out, it item) {
				o.Send(it)
				o.Emit(it.Value)
			}, nil)
		}},
		{"changes the order", "every item is accounted for", func(<-chan struct{}) StageCase[int, int] {
			return StageCase[int, int]{In: five, Out: five, New: func(call) stages.Stage[int, int] {
				return stages.StageFunc[int, int](func(_ context.Context, i in, o out) error {
					for first := range i.All() {
						if second, ok := i.Next(); ok {
							o.Send(second)
						}
						o.Send(first)
					}
					return nil
				})
			}}
		}},
		{"goes without its last item", "every item is accounted for", func(<-chan struct{}) StageCase[int, int] {
			return StageCase[int, int]{In: five, Out: five, New: func(call) stages.Stage[int, int] {
				return stages.StageFunc[int, int](func(_ context.Context, i in, o out) error {
					for range 4 {
						if it, ok := i.Next(); ok {
							o.Send(it)
						}
					}
					return nil
				})
			}}
		}},
		{"needs timings", "an untimed run is the same", func(<-chan struct{}) StageCase[int, int] {
			return stageOf(func(_ context.Context, _ call, i in, o out, it item) {
				if i.Timings(it).Total() > 0 || i.Timings(it).Len() > 0 {
					o.Send(it)
				} else {
					i.Drop(it)
				}
			}, nil)
		}},
		{"waits for a first item", "an empty stream ends", func(release <-chan struct{}) StageCase[int, int] {
			return StageCase[int, int]{In: five, New: func(call) stages.Stage[int, int] {
				return stages.StageFunc[int, int](func(_ context.Context, i in, o out) error {
					n := 0
					for it := range i.All() {
						n++
						o.Send(it)
					}
					if n == 0 {
						<-release
					}
					return nil
				})
			}}
		}},
		{"keeps its state over runs", "it can be run twice at the same time", func(<-chan struct{}) StageCase[int, int] {
			var mu sync.Mutex
			seen := map[int]bool{}
			return stageOf(func(_ context.Context, _ call, i in, o out, it item) {
				mu.Lock()
				again := seen[it.Value]
				seen[it.Value] = true
				mu.Unlock()
				if again {
					i.Drop(it)
					return
				}
				o.Send(it)
			}, nil)
		}},
		{"takes failures and loses them", "failed items pass by", func(<-chan struct{}) StageCase[int, int] {
			return StageCase[int, int]{In: five, New: func(call) stages.Stage[int, int] {
				return takesAll{func(_ context.Context, i in, o out) error {
					for it := range i.All() {
						if it.Err() == nil {
							o.Send(it)
						}
					}
					return nil
				}}
			}}
		}},
		{"does not drain", "it drains when the intake stops", func(<-chan struct{}) StageCase[int, int] {
			return stageOf(sound, func() { time.Sleep(time.Minute) })
		}},
		{"does not hear of an abort", "an abort ends it at work", func(release <-chan struct{}) StageCase[int, int] {
			return stageOf(func(_ context.Context, _ call, _ in, o out, it item) { <-release; o.Send(it) }, nil)
		}},
		{"does not hear of an abort between items", "an abort ends it waiting for items", func(release <-chan struct{}) StageCase[int, int] {
			return stageOf(func(_ context.Context, _ call, _ in, o out, it item) { o.Send(it); <-release }, nil)
		}},
		{"hoards", "it holds a bounded number of items, and an abort ends it blocked", func(<-chan struct{}) StageCase[int, int] {
			return StageCase[int, int]{In: five, Out: five, New: func(call) stages.Stage[int, int] {
				return stages.StageFunc[int, int](func(_ context.Context, i in, o out) error {
					var held []item
					for it := range i.All() {
						held = append(held, it)
					}
					for _, it := range held {
						o.Send(it)
					}
					return nil
				})
			}}
		}},
		{"takes an error for a value", "an error of its function fails the item", func(<-chan struct{}) StageCase[int, int] {
			return stageOf(func(ctx context.Context, c call, _ in, o out, it item) {
				_ = c(ctx)
				o.Send(it)
			}, nil)
		}},
		{"lets panics through", "a panic of its function fails the item", func(<-chan struct{}) StageCase[int, int] {
			return stageOf(func(ctx context.Context, c call, i in, o out, it item) {
				if err := c(ctx); err != nil {
					i.Fail(it, err)
					return
				}
				o.Send(it)
			}, nil)
		}},
		{"loses the item of a function that ends its goroutine", "a function that ends its goroutine fails the item", func(<-chan struct{}) StageCase[int, int] {
			return stageOf(sound, nil)
		}},
		{"calls its function without the context", "an abort ends it while its function waits", func(release <-chan struct{}) StageCase[int, int] {
			return stageOf(func(_ context.Context, c call, i in, o out, it item) {
				ctx, cancel := context.WithCancel(context.Background())
				go func() { <-release; cancel() }()
				if err := c(ctx); err != nil {
					i.Fail(it, err)
					return
				}
				o.Send(it)
			}, nil)
		}},
		{"leaves a goroutine behind", "every item is accounted for", func(release <-chan struct{}) StageCase[int, int] {
			return stageOf(sound, func() { go func() { <-release }() })
		}},
		{"ends with an error", "every item is accounted for", func(<-chan struct{}) StageCase[int, int] {
			return StageCase[int, int]{In: five, New: func(call) stages.Stage[int, int] {
				return stages.StageFunc[int, int](func(_ context.Context, i in, o out) error {
					for it := range i.All() {
						o.Send(it)
					}
					return errors.New("the end")
				})
			}}
		}},
		{"cannot be run", "every item is accounted for", func(<-chan struct{}) StageCase[int, int] {
			return StageCase[int, int]{In: five, New: func(call) stages.Stage[int, int] {
				return operator.Map[int, int](nil)
			}}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			require.Contains(t, failures(t, stageChecks[int, int](), tt.broken), tt.check)
		})
	}
}

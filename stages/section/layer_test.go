package section_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/retry"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/section"
	"github.com/weir-go/weir/stages/source"
)

// script is a custom layer made of functions. If a function is not given, the exchange goes on.
type script struct {
	open              func(*section.Port[int]) error
	request, response func(*section.Port[int], *section.Exchange[int])
	wake              func(*section.Port[int])
	resumed           func(*section.Port[int], *section.Exchange[int])
	close             func()
	observe           func() any
}

func (s script) Open(p *section.Port[int]) (section.Handler[int], error) {
	if s.open != nil {
		if err := s.open(p); err != nil {
			return nil, err
		}
	}
	return &scripted{s, p}, nil
}

type scripted struct {
	script
	port *section.Port[int]
}

func (h *scripted) Request(x *section.Exchange[int]) {
	if h.request == nil {
		h.port.Down(x)
		return
	}
	h.request(h.port, x)
}

func (h *scripted) Response(x *section.Exchange[int]) {
	if h.response == nil {
		h.port.Up(x)
		return
	}
	h.response(h.port, x)
}

func (h *scripted) Wake() {
	if h.wake != nil {
		h.wake(h.port)
	}
}

func (h *scripted) Resumed(x *section.Exchange[int]) {
	if h.resumed != nil {
		h.resumed(h.port, x)
	}
}

func (h *scripted) Close() {
	if h.close != nil {
		h.close()
	}
}

func (h *scripted) Observe() any {
	if h.observe == nil {
		return nil
	}
	return h.observe()
}

func TestALayerAnswersInPlaceOfTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls, closed := 0, 0
		r := through(t, source.Slice(upTo(100)), section.Map([]section.Layer{section.Use(script{
			request: func(p *section.Port[int], x *section.Exchange[int]) {
				if x.Value%2 == 1 {
					x.Reject(errOdd)
					p.Up(x)
					return
				}
				p.Down(x)
			},
			close: func() { closed++ },
		})}, func(_ context.Context, v int) (int, error) { calls++; return v, nil }))
		require.Equal(t, 50, calls)
		require.Equal(t, []string{"0", "!", "2", "!"}, r.order[:4])
		require.Equal(t, "!", r.order[99])
		require.Equal(t, 1, closed)
		for _, f := range r.failed {
			require.ErrorIs(t, f, errOdd)
			require.Zero(t, f.Attempts)
		}
	})
}

// Requests go down the layers in the order written. Responses come up in the reverse order.
func TestLayersEncloseEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var seen []string
		note := func(s string) { mu.Lock(); seen = append(seen, s); mu.Unlock() }
		layer := func(name string) section.Layer {
			return section.Use(script{
				request:  func(p *section.Port[int], x *section.Exchange[int]) { note(name + " down"); p.Down(x) },
				response: func(p *section.Port[int], x *section.Exchange[int]) { note(name + " up"); p.Up(x) },
			})
		}
		through(t, source.Slice([]int{1}), section.Map([]section.Layer{layer("a"), layer("b"), layer("c")},
			func(context.Context, int) (int, error) { note("call"); return 0, nil }))
		require.Equal(t, "a down, b down, c down, call, c up, b up, a up", strings.Join(seen, ", "))
	})
}

func TestALayerSeesHowTheCallEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var errs []error
		var attempts []int
		through(t, source.Slice(upTo(2)), section.Map([]section.Layer{
			section.Use(script{response: func(p *section.Port[int], x *section.Exchange[int]) {
				errs, attempts = append(errs, x.Err()), append(attempts, x.Attempts())
				p.Up(x)
			}}),
			section.Retry(retry.Constant(2, time.Second)),
		}, tenfold))
		require.NoError(t, errs[0])
		require.ErrorIs(t, errs[1], errOdd)
		require.Equal(t, []int{1, 2}, attempts)
	})
}

func TestALayerReplacesTheRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, source.Slice(upTo(3)), section.Map([]section.Layer{section.Use(script{
			request: func(p *section.Port[int], x *section.Exchange[int]) { x.Value += 100; p.Down(x) },
		})}, same))
		require.Equal(t, []int{100, 101, 102}, r.out)
	})
}

// A failure shows the item as the stage received it.
func TestAFailureShowsTheItemAndNotWhatALayerMadeOfIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, source.Slice([]int{7}), section.Map([]section.Layer{section.Use(script{
			request: func(p *section.Port[int], x *section.Exchange[int]) { x.Value += 100; p.Down(x) },
		})}, fails))
		require.Equal(t, 7, r.failed[0].Value)
	})
}

// An exchange goes on once: a layer cannot send an exchange that it does not hold.
func TestALayerSendsAnExchangeOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var twice []bool
		r := through(t, source.Slice(upTo(50)), section.Map([]section.Layer{section.Use(script{
			request: func(p *section.Port[int], x *section.Exchange[int]) {
				p.Down(x)
				twice = append(twice, p.Down(x), p.Up(x))
			},
			response: func(p *section.Port[int], x *section.Exchange[int]) {
				p.Up(x)
				twice = append(twice, p.Up(x), p.Down(x))
			},
		})}, same))
		require.Equal(t, upTo(50), r.out)
		require.NotContains(t, twice, true)
		require.Len(t, twice, 200)
	})
}

// Slots are a layer's place for what it knows of an exchange: no two exchanges have the same
// slot at a time, and all slots are below Slots.
func TestSlotsAreUniqueAmongThoseInside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		used := map[int]bool{}
		most := 0
		r := through(t, source.Slice(upTo(500)), section.Map([]section.Layer{
			section.Guard(guard.Limit(7)),
			section.Use(script{
				request: func(p *section.Port[int], x *section.Exchange[int]) {
					assert.False(t, used[x.Slot()])
					assert.Less(t, x.Slot(), p.Slots())
					used[x.Slot()] = true
					most = max(most, len(used))
					p.Down(x)
				},
				response: func(p *section.Port[int], x *section.Exchange[int]) { delete(used, x.Slot()); p.Up(x) },
			}),
		}, takes(time.Millisecond), stages.Workers(7)))
		require.Equal(t, upTo(500), r.out)
		require.Equal(t, 7, most)
	})
}

// A layer that delays holds its exchanges until it is woken.
func TestALayerIsWoken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var held []*section.Exchange[int]
		begun := time.Now()
		var at []time.Duration
		r := through(t, source.Slice(upTo(10)), section.Map([]section.Layer{section.Use(script{
			request: func(p *section.Port[int], x *section.Exchange[int]) {
				held = append(held, x)
				p.WakeIn(time.Hour)
				p.WakeIn(time.Minute) // takes the place of the hour
			},
			wake: func(p *section.Port[int]) {
				at = append(at, time.Since(begun))
				p.Down(held[0])
				if held = held[1:]; len(held) > 0 {
					p.WakeIn(time.Minute)
				}
			},
		})}, same))
		require.Equal(t, upTo(10), r.out)
		require.Len(t, at, 10)
		require.Equal(t, 10*time.Minute, at[9])
	})
}

// A layer that always has an exchange to deal with is woken as well.
func TestABusyLayerIsWoken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		woken := 0
		round := 0
		r := through(t, source.Slice(upTo(1)), section.Map([]section.Layer{section.Use(script{
			request: func(p *section.Port[int], x *section.Exchange[int]) { p.WakeIn(0); p.Down(x) },
			response: func(p *section.Port[int], x *section.Exchange[int]) {
				if round++; round < 50 { // down again at once
					p.WakeIn(0)
					p.Down(x)
					return
				}
				p.Up(x)
			},
			wake: func(*section.Port[int]) { woken++ },
		})}, same))
		require.Equal(t, 50, r.timing(0).Attempts)
		require.Positive(t, woken)
	})
}

// A layer can have another goroutine give an exchange back.
func TestALayerResumesFromOtherGoroutines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, source.Slice(upTo(200)), section.Map([]section.Layer{section.Use(script{
			request: func(p *section.Port[int], x *section.Exchange[int]) {
				d, ref := time.Duration(x.Value%7)*time.Millisecond, p.Ref(x)
				go func() {
					time.Sleep(d)
					ref.Resume()
				}()
			},
			resumed: func(p *section.Port[int], x *section.Exchange[int]) { p.Down(x) },
		})}, same, stages.Workers(3)))
		require.Equal(t, upTo(200), r.out)
		require.Equal(t, 6*time.Millisecond, r.took)
	})
}

func TestALayerKnowsItsPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan error, 1)
		through(t, source.Slice([]int{1}), section.Map([]section.Layer{section.Guard(guard.Limit(3)), section.Use(script{
			open: func(p *section.Port[int]) error {
				assert.Equal(t, "stage", p.Stage())
				assert.Equal(t, 3, p.Capacity())
				context.AfterFunc(p.Context(), func() { ended <- context.Cause(p.Context()) })
				return nil
			},
		})}, takes(time.Hour)), after(time.Second, abort))
		require.Equal(t, errGone, <-ended)
	})
}

// An abort takes back the exchanges that a layer holds, and the layer cannot send them any more.
// It still gets the responses to exchanges that it has sent down.
func TestAnAbortTakesBackWhatALayerHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var held []*section.Exchange[int]
		var port *section.Port[int]
		down, up := 0, 0
		var late []bool
		r := through(t, every(time.Millisecond, 100), section.Map([]section.Layer{section.Use(script{
			request: func(p *section.Port[int], x *section.Exchange[int]) {
				if port = p; x.Value%2 == 0 {
					held = append(held, x)
					return
				}
				down++
				p.Down(x)
			},
			response: func(p *section.Port[int], x *section.Exchange[int]) { up++; p.Up(x) },
			close: func() {
				for _, x := range held {
					late = append(late, port.Up(x), port.Down(x))
				}
			},
		})}, takes(time.Second), stages.Workers(100)), after(99*time.Millisecond+500*time.Microsecond, abort))
		require.Equal(t, down, up)
		require.Len(t, late, 100)
		require.NotContains(t, late, true)
		require.Len(t, r.failed, 50)
		require.Len(t, r.out, 50, "the calls under way ended well")
		for _, f := range r.failed {
			require.ErrorIs(t, f, stages.ErrAborted)
		}
	})
}

// The section sends a response up that a layer would keep after an abort.
func TestAnAbortLetsNoLayerKeepAResponse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, source.Slice([]int{1}), section.Map([]section.Layer{section.Use(script{
			response: func(*section.Port[int], *section.Exchange[int]) {}, // and wait for better times
		})}, takes(time.Second)), after(time.Millisecond, abort))
		require.ErrorIs(t, r.failed[0], stages.ErrAborted)
		require.Equal(t, time.Second, r.took)
	})
}

func TestAPanicInALayerEndsTheRunAndLosesNothing(t *testing.T) {
	boom := func() { panic(errFlaky) }
	at := func(v int, p *section.Port[int], x *section.Exchange[int], send func(*section.Exchange[int]) bool) {
		if x.Value == v {
			boom()
		}
		send(x)
	}
	for name, layer := range map[string]script{
		"request":  {request: func(p *section.Port[int], x *section.Exchange[int]) { at(20, p, x, p.Down) }},
		"response": {response: func(p *section.Port[int], x *section.Exchange[int]) { at(20, p, x, p.Up) }},
		"close":    {close: boom},
		"wake": {
			request: func(p *section.Port[int], x *section.Exchange[int]) {
				if x.Value == 20 {
					p.WakeIn(time.Millisecond)
				} else {
					p.Down(x)
				}
			},
			wake: func(*section.Port[int]) { boom() },
		},
		"resumed": {
			request: func(p *section.Port[int], x *section.Exchange[int]) { p.Ref(x).Resume() },
			resumed: func(p *section.Port[int], x *section.Exchange[int]) { at(20, p, x, p.Down) },
		},
		"open": {open: func(*section.Port[int]) error { panic(errFlaky) }},
	} {
		for _, place := range []string{"outermost", "innermost"} {
			t.Run(name+" "+place, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					layers := []section.Layer{section.Retry(retry.Constant(2, time.Second)), section.Use(layer)}
					if place == "outermost" {
						slices.Reverse(layers)
					}
					r := through(t, every(time.Millisecond, 100), section.Map(layers, takes(5*time.Millisecond), stages.Workers(3)))
					var p *stages.PanicError
					require.ErrorAs(t, r.err, &p)
					require.ErrorIs(t, r.err, errFlaky)
					require.ErrorContains(t, r.err, "stage")
					require.Equal(t, "stage", p.Stage)
					for _, f := range r.failed {
						require.ErrorIs(t, f, errFlaky)
					}
					if name != "close" && name != "open" {
						require.NotEmpty(t, r.failed)
						require.Less(t, r.ledger().In, int64(100), "the intake was stopped")
					}
				})
			})
		}
	}
}

// A layer that has panicked is asked nothing more: the exchanges behind the one at which it
// panicked fail as well.
func TestABrokenLayerIsAskedNothingMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		r := through(t, source.Slice(upTo(16)), section.Map([]section.Layer{section.Use(script{
			request: func(_ *section.Port[int], _ *section.Exchange[int]) { asked++; panic("once") },
			close:   func() { asked++ },
			wake:    func(*section.Port[int]) { asked++ },
		})}, same))
		require.Equal(t, 1, asked)
		require.Len(t, r.failed, 16)
	})
}

func TestALayerThatCannotOpenFailsTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, source.Slice(upTo(16)), section.Map([]section.Layer{section.Use(script{open: func(*section.Port[int]) error { return errOdd }})}, same))
		require.ErrorIs(t, r.err, errOdd)
		require.ErrorContains(t, r.err, `stage "stage"`)
	})
}

// If a layer cannot be opened, the layers before it are closed.
func TestALayerThatWasOpenedIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		open := 0
		through(t, source.Slice(upTo(16)), section.Map([]section.Layer{
			section.Use(script{open: func(*section.Port[int]) error { open++; return nil }, close: func() { open-- }}),
			section.Use(script{open: func(*section.Port[int]) error { return errOdd }}),
		}, same))
		require.Zero(t, open)
	})
}

// An observer is user code and runs without a lock: it may look at the node.
func TestAnObserverMayLookAtTheNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var node *kernel.Node
		nested := false
		r := through(t, source.Slice(upTo(1)), section.Map([]section.Layer{section.Use(script{observe: func() any {
			if !nested {
				nested = true
				return len(node.Observed())
			}
			return "inner"
		}})}, func(_ context.Context, v int) (int, error) { return v, nil }), func(rt *kernel.Run) { node = rt.Nodes()[1] })
		require.Equal(t, []any{1}, r.nodes[1].Observed())
	})
}

// A layer can give an answer that it has kept to another exchange, in place of a call.
func TestAnAnswerServesAnotherExchange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		var kept *section.Answer
		r := through(t, every(time.Second, 3), section.Map([]section.Layer{section.Use(script{
			request: func(p *section.Port[int], x *section.Exchange[int]) {
				if kept == nil {
					p.Down(x)
					return
				}
				x.Reject(errors.New("to be forgotten"))
				x.Adopt(*kept)
				p.Up(x)
			},
			response: func(p *section.Port[int], x *section.Exchange[int]) {
				a := x.Answer()
				kept = &a
				p.Up(x)
			},
		})}, func(_ context.Context, v int) (int, error) { calls++; return v + 7, nil }))
		require.Equal(t, []int{7, 7, 7}, r.out)
		require.Equal(t, 1, calls)
	})
}

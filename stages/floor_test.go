package stages

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/outcome"
	"github.com/weir-go/weir/primitives/retry"
)

// TestALayerThatPanicsInABatchLosesNothing pins that what the layer had sent on of
// the batch goes its way, and what it had not fails, or passes by, once.
func TestALayerThatPanicsInABatchLosesNothing(t *testing.T) {
	down := func(_ context.Context, v int) (int, error) { return v, errFlaky }
	for name, layers := range map[string][]Layer[int]{
		"on the way up":   {Retry[int](retry.Constant(3, time.Second, retry.Classify(classifyOnce(20))))},
		"on the way down": {clumsy{200}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := through(t, Slice(upTo(300)), Section(layers, down, Workers(4)))
				require.ErrorContains(t, r.err, "layer: ")
				require.Equal(t, r.nodes[1].Ledger().In, int64(len(r.failed)), "the run stops early; what went in came out")
				for i, f := range r.failed {
					require.Equal(t, i, f.Value)
				}
			})
		})
	}
}

// classifyOnce panics at the n-th error.
func classifyOnce(n int) outcome.Classifier {
	return func(context.Context, error) outcome.Outcome {
		if n--; n == 0 {
			panic(errors.New("classifier"))
		}
		return outcome.Outcome{Kind: outcome.Failure}
	}
}

// clumsy is a layer that deals with batches and panics at a request in the midst of
// one.
type clumsy struct{ at int }

func (c clumsy) Open(p *Port[int]) (Handler[int], error) { return &clumsyHandler{p, c.at}, nil }

type clumsyHandler struct {
	port *Port[int]
	at   int
}

func (h *clumsyHandler) Request(x *Exchange[int])  { h.requests([]*Exchange[int]{x}) }
func (h *clumsyHandler) Response(x *Exchange[int]) { h.port.Up(x) }

func (h *clumsyHandler) requests(xs []*Exchange[int]) {
	for i, x := range xs {
		switch {
		case x.Value == h.at:
			panic("clumsy")
		case i%2 == 0:
			h.port.Down(x)
		default:
			keep(h.port, x)
		}
	}
}

func (h *clumsyHandler) responses(xs []*Exchange[int]) {
	for _, x := range xs {
		h.port.Up(x)
	}
}

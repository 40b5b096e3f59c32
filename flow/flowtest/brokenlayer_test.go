package flowtest

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/section"
)

// hooks is a layer of functions; nil ones let an exchange pass.
type hooks struct {
	open              func() error
	request, response func(p *section.Port[int], x *section.Exchange[int])
	close             func()
}

func (h hooks) Open(p *section.Port[int]) (section.Handler[int], error) {
	if h.open != nil {
		if err := h.open(); err != nil {
			return nil, err
		}
	}
	return &hooked{h, p}, nil
}

type hooked struct {
	hooks
	port *section.Port[int]
}

func (h *hooked) Request(x *section.Exchange[int]) {
	if h.request != nil {
		h.request(h.port, x)
		return
	}
	h.port.Down(x)
}

func (h *hooked) Response(x *section.Exchange[int]) {
	if h.response != nil {
		h.response(h.port, x)
		return
	}
	h.port.Up(x)
}

func (h *hooked) Close() {
	if h.close != nil {
		h.close()
	}
}

func layerOf(h hooks) LayerCase[int] {
	return LayerCase[int]{In: five, New: func() section.Layer { return section.Use(h) }}
}

func TestTheLayerSuitePassesASoundLayer(t *testing.T) {
	require.Empty(t, failures(t, layerChecks[int](), func(<-chan struct{}) LayerCase[int] { return layerOf(hooks{}) }))
}

func TestTheLayerSuiteFailsBrokenLayers(t *testing.T) {
	type port = *section.Port[int]
	type exchange = *section.Exchange[int]
	for _, tt := range []struct {
		name, check string
		broken      func(release <-chan struct{}) hooks
	}{
		{"loses an exchange on the way down", "every item is accounted for", func(<-chan struct{}) hooks {
			return hooks{request: func(p port, x exchange) {
				if x.Value != 3 {
					p.Down(x)
				}
			}}
		}},
		{"loses an exchange on the way up", "every item is accounted for", func(<-chan struct{}) hooks {
			return hooks{response: func(p port, x exchange) {
				if x.Value != 3 {
					p.Up(x)
				}
			}}
		}},
		{"loses what has failed", "nothing is lost where every call fails", func(<-chan struct{}) hooks {
			return hooks{response: func(p port, x exchange) {
				if x.Err() == nil {
					p.Up(x)
				}
			}}
		}},
		{"takes a failure for a success", "nothing is lost where every call fails", func(<-chan struct{}) hooks {
			return hooks{response: func(p port, x exchange) { x.Reject(nil); p.Up(x) }}
		}},
		{"drops what has panicked", "nothing is lost where every call panics", func(<-chan struct{}) hooks {
			return hooks{response: func(p port, x exchange) {
				if errors.Is(x.Err(), errBroken) {
					x.Reject(stages.ErrDrop)
				}
				p.Up(x)
			}}
		}},
		{"blocks in a handler", "an abort ends it while all calls wait", func(release <-chan struct{}) hooks {
			return hooks{response: func(p port, x exchange) { <-release; p.Up(x) }}
		}},
		{"changes requests", "it stands around another layer, and within one", func(<-chan struct{}) hooks {
			return hooks{request: func(p port, x exchange) { x.Value++; p.Down(x) }}
		}},
		{"is too late for a drain", "it drains when the intake stops", func(<-chan struct{}) hooks {
			return hooks{request: func(p port, x exchange) { time.Sleep(50 * time.Millisecond); p.Down(x) }}
		}},
		{"opens once", "it can be run twice at the same time", func(<-chan struct{}) hooks {
			var opened atomic.Int64
			return hooks{open: func() error {
				if opened.Add(1) > 1 {
					return errors.New("opened twice")
				}
				return nil
			}}
		}},
		{"panics", "every item is accounted for", func(<-chan struct{}) hooks {
			return hooks{request: func(port, exchange) { panic("layer") }}
		}},
		{"leaves a goroutine behind", "every item is accounted for", func(release <-chan struct{}) hooks {
			return hooks{close: func() { go func() { <-release }() }}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			found := failures(t, layerChecks[int](), func(release <-chan struct{}) LayerCase[int] { return layerOf(tt.broken(release)) })
			require.Contains(t, found, tt.check)
		})
	}
}

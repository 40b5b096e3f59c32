package section

import (
	"fmt"
	"time"

	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/internal/lineage"
	"github.com/weir-go/weir/internal/turn"
	"github.com/weir-go/weir/stages"
)

// Timeout is the layer that gives the calls below it the time d. Then their context ends, and a
// call that has not begun is not made. The call fails with [stages.ErrTimeout].
//
// Inside a [Retry] d is the time of each try. Outside it is the time of all tries together with
// the waits between; a retry gives up early if its next try would come too late. A call that
// does not look at its context costs no timer.
func Timeout(d time.Duration) Layer {
	return Layer{
		kind: "timeout",
		check: func() error {
			if d <= 0 {
				return fmt.Errorf("timeout must be positive, not %v", d)
			}
			return nil
		},
		open: func(p *turn.Port) (turn.Handler, error) { return &timeoutHandler{port: p, d: d}, nil },
	}
}

type timeoutHandler struct {
	port  *turn.Port
	d     time.Duration
	outer turn.PerFlight[lineage.Limit] // of the items that had limits above the layer
	had   turn.PerFlight[bool]
}

func (h *timeoutHandler) Request(f *turn.Flight, items kernel.Mask) {
	by, had := h.port.In(h.d), h.had.Of(f)
	for m := items; m != 0; m &= m - 1 {
		i := m.First()
		l := *f.Limit(i)
		if l.Bounded() || had[i] {
			had[i] = l.Bounded()
			h.outer.Of(f)[i] = l
		}
		if l.Deadline == 0 || by < l.Deadline {
			l.Deadline, l.Late = by, stages.ErrTimeout
		}
		f.SetLimit(i, l)
	}
	h.port.Down(f, items)
}

func (h *timeoutHandler) Response(f *turn.Flight, items kernel.Mask) {
	had := h.had.Of(f)
	for m := items; m != 0; m &= m - 1 {
		i := m.First()
		if had[i] {
			f.SetLimit(i, h.outer.Of(f)[i])
		} else {
			f.SetLimit(i, lineage.Limit{})
		}
	}
	h.port.Up(f, items)
}

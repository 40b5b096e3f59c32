package stages

import "time"

// Timeout is the layer that gives the calls below it the time d: their context
// ends then, and one that is not begun by then is not made. It fails with
// [ErrTimeout].
//
// Inside a [Retry] it is the time of each try, outside the time of all of them
// together with the waits between; a retry gives up early where its next try
// would come too late.
func Timeout[I any](d time.Duration) Layer[I] { return &timeoutLayer[I]{d} }

type timeoutLayer[I any] struct{ d time.Duration }

func (l *timeoutLayer[I]) Validate() error { return needs(l.d <= 0, "timeout must be positive") }

func (l *timeoutLayer[I]) Open(p *Port[I]) (Handler[I], error) {
	return &timeoutHandler[I]{port: p, d: int64(l.d), outer: make([]limit, p.Capacity())}, nil
}

type timeoutHandler[I any] struct {
	port  *Port[I]
	d     int64
	outer []limit // by slot: what holds above the layer
}

func (h *timeoutHandler[I]) Request(x *Exchange[I]) {
	h.outer[x.Slot()] = x.limit
	by := h.port.rt.now() + h.d
	if by > 0 && (x.deadline == 0 || by < x.deadline) {
		x.deadline, x.late = by, ErrTimeout
	}
	h.port.Down(x)
}

func (h *timeoutHandler[I]) Response(x *Exchange[I]) {
	x.limit = h.outer[x.Slot()]
	h.port.Up(x)
}

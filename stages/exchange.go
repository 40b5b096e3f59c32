package stages

import "github.com/weir-go/weir/primitives/guard"

// Exchange is one request on its way down through the layers of a section, and
// its response on the way up. Layers see the typed request and an opaque
// outcome: when a layer is written, nobody has said yet what the call returns.
//
// An exchange belongs to the layer that was handed it, until the layer sends it
// on by [Port.Down] or [Port.Up]. It is used again for another item as soon as
// it has left the section.
type Exchange[I any] struct {
	// Layers look at what comes first, which is to be in one cache line.
	slot     int32
	attempts int32
	err      error
	limit
	self payload // the exchange with its result, see call

	// Value is the request. A layer may replace it on the way down; a failure shows
	// the item as the section received it all the same.
	Value I

	item   I // the request as the section received it
	ticket uint64
	trail  *trail
	work   int64
	fault  *ItemError // of an item that came already failed
	permit guard.Permit
}

// payload is the part of an exchange that knows the type of the result.
type payload interface {
	answer() any
	adopt(any)
}

// call is an exchange together with its result.
type call[I, O any] struct {
	Exchange[I]
	out O
}

func (c *call[I, O]) answer() any { out := c.out; return &out }
func (c *call[I, O]) adopt(a any) { c.out = *a.(*O) }

// answers makes answers of exchanges. It belongs to one goroutine.
type answers[I any] interface {
	of(x *Exchange[I]) Answer
}

// answerBlock is how many results share an allocation. Results are kept and let
// go in about the same order, so a block holds few of them longer than it need.
const answerBlock = 16

// blocks are the answers of exchanges with results of type O.
type blocks[I, O any] struct{ free []O }

func (b *blocks[I, O]) of(x *Exchange[I]) Answer {
	if len(b.free) == 0 {
		b.free = make([]O, answerBlock)
	}
	out := &b.free[0]
	b.free = b.free[1:]
	*out = x.self.(*call[I, O]).out
	return Answer{out}
}

// Answer is the result of a successful exchange, kept to be given to others. A
// deduplicator that is shared between flows holds values of this type.
type Answer struct{ result any }

// Err returns how the call ended so far, nil for a success. It counts only on
// the way up.
func (x *Exchange[I]) Err() error { return x.err }

// Attempts returns how often the call was made.
func (x *Exchange[I]) Attempts() int { return int(x.attempts) }

// Slot returns a number that no other exchange in the section has at the same
// time, from 0 to below [Port.Capacity]: a place for a layer to keep what it
// knows of the exchange in a slice of its own.
func (x *Exchange[I]) Slot() int { return int(x.slot) }

// Reject makes err the outcome, in place of a call or of its result. The layer
// still has to send the exchange up.
func (x *Exchange[I]) Reject(err error) { x.err = err }

// Answer returns a copy of the result of a successful exchange. It allocates.
func (x *Exchange[I]) Answer() Answer { return Answer{x.self.answer()} }

// Adopt makes a the outcome, in place of a call. The answer must come from a
// section whose call returns the same type. The layer still has to send the
// exchange up.
func (x *Exchange[I]) Adopt(a Answer) {
	x.self.adopt(a.result)
	x.err = nil
}

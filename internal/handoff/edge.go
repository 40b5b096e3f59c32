package handoff

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/weir-go/weir/internal/lineage"
)

// States of an edge: they say which goroutine does the work of the receiver.
const (
	busy    int32 = iota // the receiver's goroutine works, or is about to
	hungry               // no goroutine works: the receiver's is parked, the edge is empty
	visited              // the sender does the receiver's work
	owed                 // as visited, and the receiver's goroutine waits for the visit to end
)

// Heavy is a load larger than any limit: no sender visits such a receiver.
const Heavy = 1 << 40

// Step does the work of a receiver on the places from up to to of b. The work begins at now, 0 if
// that is not known. Step returns when the work ended, and whether a visitor may continue. A
// visitor is a sender that does the receiver's work; for it, Step may leave some places to be done
// later.
type Step func(b *Batch, from, to int, visitor bool, now int64) (last int64, ok bool)

// Config is the configuration of an edge.
type Config struct {
	Columns Columns
	Bound   int           // at most so many items are on the edge; at least 1
	Clock   lineage.Clock // of the run
	Timed   bool          // the edge measures the waits of the receiver

	// Detached says that the run can leave the receiver behind during a call. That call may look at
	// a batch at any later time, so batches are not used again.
	Detached bool
}

// Edge carries items from one node to the next, in order, and holds at most Bound of them. It is a
// linked list of batches. One sender appends to the last batch, and one receiver reads the first.
// Neither takes a lock for an item.
//
// See the package documentation for the memory order. [Edge.Init] must initialize the zero value.
type Edge struct {
	Config
	most int // places of a batch, at most

	// The sender's half. Owner: the goroutine that does the work of the sending node, or the holder
	// of the outlet's mutex. It shares cache lines with the configuration, which the receiver reads
	// only before it sleeps.
	tail *Batch
	n    int   // used places of tail
	size int   // places of the next new batch
	sent int64 // all items so far
	seen int64 // done, as last loaded

	// The receiver's half. Owner: the goroutine that does the work of the receiving node.
	_    apart
	head *Batch
	pos  int   // done places of head
	took int64 // all items done so far
	keep bool  // Detached: done values are not cleared
	step Step  // for visitors; nil if there are none

	// Both halves.
	_      apart
	state  atomic.Int32
	load   atomic.Int64 // cost of an item for a visitor, in nanoseconds
	done   atomic.Int64 // took, published
	want   atomic.Int64 // the sender sleeps until done reaches it; 0 if the sender does not sleep
	closed atomic.Bool
	last   atomic.Pointer[Batch]
	wake   chan struct{} // a token for the receiver's goroutine
	room   chan struct{} // a token for the sender; nil until it has waited

	// Figures for snapshots.
	fused     atomic.Bool
	full      atomic.Int64 // nanoseconds that the sender has waited for room
	fullSince atomic.Int64 // when its present wait began; 0 if it does not wait
	dry       atomic.Int64 // nanoseconds that the receiver has waited for items
	drySince  atomic.Int64

	mu    sync.Mutex // Guarded by: mu, taken once a batch
	spare []*Batch
}

// apart keeps fields that two cores write in different cache lines.
type apart [128]byte

// firstSize is the number of places of the first batch of an edge. Each further new batch has twice
// as many as the one before. So a flow of few items uses little memory.
const firstSize = 8

// Init makes the zero e an empty edge that no sender visits.
func (e *Edge) Init(c Config) {
	e.Config, e.keep = c, c.Detached
	e.wake = make(chan struct{}, 1)
	e.most = min(c.Columns.Most, max(1, c.Bound/2))
	e.size = min(firstSize, e.most)
	e.tail = e.blank()
	e.head = e.tail
	e.last.Store(e.tail)
	e.load.Store(Heavy)
}

// ---- Reuse of batches

// blank returns an empty batch.
func (e *Edge) blank() *Batch {
	e.mu.Lock()
	defer e.mu.Unlock()
	if n := len(e.spare); n > 0 {
		b := e.spare[n-1]
		e.spare = e.spare[:n-1]
		return b
	}
	b := NewBatch(e.Columns, e.size)
	e.size = min(2*e.size, e.most)
	return b
}

// recycle takes back a batch that neither half needs. It leaves a batch that is smaller than new
// ones to the garbage collector.
func (e *Edge) recycle(b *Batch) {
	if b.Size() < e.most || e.Detached {
		return
	}
	b.Reset()
	b.next.Store(nil)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.spare = append(e.spare, b)
}

// ---- From outside. Any goroutine may call these methods at any time.

// State is an edge at one moment.
type State struct {
	Depth   int           // items sent and not done
	Full    time.Duration // time that the sender has waited for room
	Empty   time.Duration // time that the receiver has waited for items
	Fused   bool          // the sender does the receiver's work
	Blocked bool          // the sender waits for room
}

// State returns the state of the edge.
func (e *Edge) State() State {
	depth := e.Depth()
	full, dry := e.full.Load(), e.dry.Load()
	now := e.Clock.Now()
	if since := e.fullSince.Load(); since != 0 {
		full += now - since
	}
	if since := e.drySince.Load(); since != 0 {
		dry += now - since
	}
	return State{
		Depth:   depth,
		Full:    time.Duration(max(full, 0)),
		Empty:   time.Duration(max(dry, 0)), // a visitor's work is subtracted before the wait that includes it is added
		Fused:   e.fused.Load(),
		Blocked: e.Crowded(),
	}
}

// Depth returns how many items were sent and are not done.
func (e *Edge) Depth() int {
	done := e.done.Load()
	return int(max(0, e.Sent()-done))
}

// Sent returns how many items were sent.
func (e *Edge) Sent() int64 { return e.last.Load().filled.Load() }

// Crowded reports whether the sender waits for room.
func (e *Edge) Crowded() bool { return e.want.Load() != 0 }

// Hungry reports whether the receiver is parked and no goroutine does its work.
func (e *Edge) Hungry() bool { return e.state.Load() == hungry }

// Closed reports whether the sender has ended the stream. The edge may still hold items.
func (e *Edge) Closed() bool { return e.closed.Load() }

package stages

import (
	"context"
	"math"
)

// solo is a Map of one worker, or the end of a flow that calls a function. Its
// work is done by its own goroutine, or by that of the stage above; see [fusion].
type solo[I, O any] struct {
	worker worker[I, O]
	in     *Inlet[I]
	send   func(results []Item[O]) // hands on what is not dropped, and keeps last true
	clear  func(n int) bool        // whether that would be at once
	ending func([]Item[O], int)    // exit, made once
	below  int64                   // what an item costs below, in this goroutine
	guest  *int                    // how many items a guest has done; nil where there is none
}

func newSolo[I, O any](in *Inlet[I], f func(context.Context, I) (O, error)) *solo[I, O] {
	return &solo[I, O]{worker: newWorker(in, f), in: in, clear: always}
}

// always is the answer of a stage with nothing below that could be full.
func always(int) bool { return true }

// run works until the stream has ended, which it reports, or until the stage is
// to have another number of workers than one.
func (s *solo[I, O]) run() (ended bool) {
	s.ending = s.exit
	if s.worker.rt.abandoned == nil { // a call that is left behind must be no other stage's
		lend(s.in.edge, s.visit)
		defer retain(&s.in.edge.level)
	}
	for alone(s) {
		items := s.in.group(s.worker.pace.batch())
		if items == nil {
			return true
		}
		if woke, blocked := wokenAt(s.in); blocked {
			s.worker.last = woke
		}
		results := s.worker.do(items, s.ending)
		giveBack(s.in, len(items)-len(results))
		s.send(results)
		s.in.edge.load = loadOf(s)
	}
	return false
}

// alone reports that the stage shall have one worker; a sink always has.
func alone[I, O any](s *solo[I, O]) bool { return s.worker.node.workers.Load() <= 1 }

// loadOf is what an item costs here and, in the same goroutine, below.
func loadOf[I, O any](s *solo[I, O]) int64 { return s.worker.pace.load() + s.below }

// limitOf is what an item may cost below for this goroutine to do that, too, when it
// has n of them. One that comes alone is not worth waking another goroutine up:
// that takes some microseconds, and nothing is there to be done meanwhile.
func limitOf[I, O any](s *solo[I, O], n int) int64 {
	if n == 1 && !pending(s.in) {
		return 4*cheap - s.worker.pace.load()
	}
	return cheap - s.worker.pace.load()
}

// visit is the work of a guest, from the time now to the time that it returns. It
// leaves where the stage has become slow, would wait for room, or shall have more
// workers.
func (s *solo[I, O]) visit(items []Item[I], done *int, now int64) int64 {
	s.guest, s.worker.last = done, now
	for *done < len(items) && (*done == 0 || loadOf(s) < cheap) && alone(s) {
		n := min(s.worker.pace.batch(), len(items)-*done)
		if !s.clear(n) {
			break
		}
		results := s.worker.do(items[*done:*done+n], s.ending)
		*done += len(results) // before anything else can happen
		s.send(results)
		s.in.edge.load = loadOf(s)
	}
	last := s.worker.last
	s.guest, s.worker.last = nil, 0
	if s.worker.rt.timed && now > 0 && last > 0 { // it has been counted as a part of the receiver's wait
		s.in.edge.dry.Add(now - last)
	}
	return last
}

// exit hands on the results when the function has ended the goroutine, and leaves
// the rest of the items to the next, see [outlive]. That must be the stage's own from
// now on: a neighbour's was lost once, which is enough.
func (s *solo[I, O]) exit(results []Item[O], rest int) {
	s.worker.last, s.worker.pace.proof = 0, math.MaxInt
	s.in.edge.load = loadOf(s)
	if s.guest == nil {
		giveBack(s.in, rest)
	} else {
		*s.guest += len(results)
		s.guest = nil
	}
	s.send(results)
}

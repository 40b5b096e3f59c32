package storetest

import (
	"context"
	"iter"
	"sync"
	"time"

	"github.com/weir-go/weir/primitives/store"
)

// Op is a kind of call to a store.
type Op string

// The calls that a [Faulty] sees. Event is not a call: it is each event of a stream, on
// its way to the reader.
const (
	Load          Op = "load"
	List          Op = "list"
	CompareAndSet Op = "compare and set"
	Watch         Op = "watch"
	Event         Op = "event"
)

// Call is one call that the script of a [Faulty] is asked about.
type Call struct {
	Op  Op
	Key string // key or folder
	N   int    // the number of calls of this Op so far, this one included
}

// Fault is what happens to a call. The zero Fault lets it pass as it is.
type Fault struct {
	// Delay passes before the call is made. If the context ends earlier, the call is not
	// made and the error of the context is returned.
	Delay time.Duration
	// Err is returned in place of making the call. A stream yields it and ends.
	Err error
	// After is returned although the call was made: its answer is lost.
	After error
	// Stale answers a Load or a List with what was there before the last write to each
	// key through this Faulty, as a replica that lags behind does.
	Stale bool
	// Corrupt changes the values in the answer, or in an event.
	Corrupt func(value []byte) []byte
	// Drop leaves an event out and tells nothing.
	Drop bool
	// Lose leaves an event out and tells Lost in its place.
	Lose bool
	// Hold keeps an event back until after the next one that is told.
	Hold bool
}

// Faulty is a [store.Store] that passes calls on to another store, and does to them what
// its script says. If the other store is no [store.Watcher], its streams end at once
// with an error. It is made by [NewFaulty] and is safe for concurrent use.
type Faulty struct {
	inner store.Store

	mu     sync.Mutex // Must not: be held while the script or a call runs.
	script func(Call) Fault
	counts map[Op]int
	before map[string]past // entries before the last write
}

// past is an entry that was loaded at some time. It has aged since then.
type past struct {
	entry store.Entry
	at    time.Time
}

// NewFaulty returns a Faulty in front of s that passes every call on as it is.
func NewFaulty(s store.Store) *Faulty {
	return &Faulty{inner: s, counts: make(map[Op]int), before: make(map[string]past)}
}

// Script sets the function that is asked about each call from now on; nil lets all pass.
// It is called in the goroutine of the call, without a lock. So it must be safe for
// concurrent use if the store is used concurrently. It counts for calls that begin after
// Script has returned, and for streams from their next event.
func (f *Faulty) Script(script func(Call) Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.script = script
}

// Fail makes every call fail with err from now on, and ends streams with err at their
// next event; nil lets all pass again. It is the script for a store that is down.
func (f *Faulty) Fail(err error) {
	if err == nil {
		f.Script(nil)
		return
	}
	f.Script(func(Call) Fault { return Fault{Err: err} })
}

// Calls returns the number of calls of the given kinds so far. Without an argument it
// counts all kinds except Event.
func (f *Faulty) Calls(ops ...Op) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(ops) == 0 {
		ops = []Op{Load, List, CompareAndSet, Watch}
	}
	n := 0
	for _, op := range ops {
		n += f.counts[op]
	}
	return n
}

// meet counts a call, asks the script, and carries out the part of the fault before the call.
func (f *Faulty) meet(ctx context.Context, op Op, key string) (Fault, error) {
	f.mu.Lock()
	f.counts[op]++
	call, script := Call{Op: op, Key: key, N: f.counts[op]}, f.script
	f.mu.Unlock()
	if script == nil {
		return Fault{}, nil
	}
	fault := script(call)
	if fault.Delay > 0 {
		timer := time.NewTimer(fault.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return fault, ctx.Err()
		}
	}
	return fault, fault.Err
}

// Load is the Load of the store behind f, with what the script says.
func (f *Faulty) Load(ctx context.Context, key string) (store.Entry, error) {
	fault, err := f.meet(ctx, Load, key)
	if err != nil {
		return store.Entry{}, err
	}
	e, err := f.inner.Load(ctx, key)
	if err == nil {
		err = fault.After
	}
	if err != nil {
		return store.Entry{}, err
	}
	return f.spoil(fault, e), nil
}

// List is the List of the store behind f, with what the script says.
func (f *Faulty) List(ctx context.Context, folder string) ([]store.Entry, error) {
	fault, err := f.meet(ctx, List, folder)
	if err != nil {
		return nil, err
	}
	entries, err := f.inner.List(ctx, folder)
	if err == nil {
		err = fault.After
	}
	if err != nil {
		return nil, err
	}
	told := entries[:0]
	for _, e := range entries {
		if e = f.spoil(fault, e); e.Revision != 0 {
			told = append(told, e)
		}
	}
	return told, nil
}

// CompareAndSet is that of the store behind f, with what the script says.
func (f *Faulty) CompareAndSet(ctx context.Context, key string, revision uint64, value []byte, ttl time.Duration) (uint64, error) {
	fault, err := f.meet(ctx, CompareAndSet, key)
	if err != nil {
		return 0, err
	}
	asked := time.Now()
	old, loadErr := f.inner.Load(ctx, key)
	next, err := f.inner.CompareAndSet(ctx, key, revision, value, ttl)
	if err != nil {
		return 0, err
	}
	if loadErr == nil && old.Revision == revision {
		f.mu.Lock()
		f.before[key] = past{old, asked}
		f.mu.Unlock()
	}
	if fault.After != nil {
		return 0, fault.After
	}
	return next, nil
}

// spoil changes an answer as the script says.
func (f *Faulty) spoil(fault Fault, e store.Entry) store.Entry {
	if fault.Stale {
		f.mu.Lock()
		if old, ok := f.before[e.Key]; ok {
			e = old.entry
			if e.Revision != 0 {
				e.Age += time.Since(old.at)
			}
		}
		f.mu.Unlock()
	}
	if fault.Corrupt != nil && e.Revision != 0 {
		e.Value = fault.Corrupt(e.Value)
	}
	return e
}

// Watch is the stream of the store behind f, with what the script says.
func (f *Faulty) Watch(ctx context.Context, folder string) iter.Seq2[store.Event, error] {
	return func(yield func(store.Event, error) bool) {
		_, err := f.meet(ctx, Watch, folder)
		w, ok := f.inner.(store.Watcher)
		if err == nil && !ok {
			err = &store.Error{Op: "watch", Key: folder, Err: errNoWatcher}
		}
		if err != nil {
			if ctx.Err() == nil {
				yield(store.Event{}, err)
			}
			return
		}
		var held []store.Event
		for e, err := range w.Watch(ctx, folder) {
			if !f.pass(ctx, e, err, &held, yield) {
				return
			}
		}
	}
}

// pass yields one event, and reports whether the stream continues.
func (f *Faulty) pass(ctx context.Context, e store.Event, err error, held *[]store.Event, yield func(store.Event, error) bool) bool {
	if err != nil {
		return yield(e, err)
	}
	fault, err := f.meet(ctx, Event, e.Entry.Key)
	switch {
	case ctx.Err() != nil:
		return false
	case err != nil:
		yield(store.Event{}, err)
		return false
	case fault.Drop:
		return true
	case fault.Hold:
		*held = append(*held, e)
		return true
	case fault.Lose:
		e = store.Event{Lost: true}
	case fault.Corrupt != nil && !e.Lost:
		e.Entry.Value = fault.Corrupt(e.Entry.Value)
	}
	for _, late := range append([]store.Event{e}, *held...) {
		if !yield(late, nil) {
			return false
		}
	}
	*held = nil
	return true
}

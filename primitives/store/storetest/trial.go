package storetest

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/weir-go/weir/primitives/store"
)

// trial is one run of one check, with the helpers for checks.
type trial struct {
	reporter
	ctx   context.Context
	nodes []store.Store
	unit  time.Duration
	slept time.Duration // total of the sleeps that the check has requested
	wipe  func()        // see Wiped
}

// run runs c, which may end the goroutine.
func (tr *trial) run(c check) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute+tr.units(100))
	defer cancel()
	tr.ctx = ctx
	tr.need(len(tr.nodes) > 0, "the factory returned no store")
	c.run(tr)
}

// crowd is the number of goroutines in a race.
const crowd = 16

// at returns the handle of the i-th process. Processes may share a handle.
func (tr *trial) at(i int) store.Store { return tr.nodes[i%len(tr.nodes)] }

func (tr *trial) need(ok bool, format string, args ...any) {
	tr.Helper()
	if !ok {
		tr.Errorf(format, args...)
		tr.FailNow()
	}
}

func (tr *trial) load(node int, key string) store.Entry {
	tr.Helper()
	e, err := tr.at(node).Load(tr.ctx, key)
	tr.need(err == nil, "Load(%q): %v", key, err)
	return e
}

func (tr *trial) list(node int, folder string) map[string]store.Entry {
	tr.Helper()
	entries, err := tr.at(node).List(tr.ctx, folder)
	tr.need(err == nil, "List(%q): %v", folder, err)
	all := make(map[string]store.Entry)
	for _, e := range entries {
		_, twice := all[e.Key]
		tr.need(!twice, "List(%q) tells %q twice", folder, e.Key)
		all[e.Key] = e
	}
	return all
}

// set writes with a ttl that outlasts the check.
func (tr *trial) set(node int, key string, revision uint64, value string) uint64 {
	tr.Helper()
	return tr.setFor(node, key, revision, value, time.Hour)
}

func (tr *trial) setFor(node int, key string, revision uint64, value string, ttl time.Duration) uint64 {
	tr.Helper()
	next, err := tr.at(node).CompareAndSet(tr.ctx, key, revision, []byte(value), ttl)
	tr.need(err == nil, "CompareAndSet(%q, revision %d): %v", key, revision, err)
	tr.need(next != 0, "CompareAndSet(%q) returned revision 0", key)
	return next
}

func (tr *trial) conflict(node int, key string, revision uint64) {
	tr.Helper()
	_, err := tr.at(node).CompareAndSet(tr.ctx, key, revision, []byte("conflict"), time.Hour)
	tr.need(errors.Is(err, store.ErrConflict), "CompareAndSet(%q, revision %d) returned %v, want ErrConflict", key, revision, err)
}

// holds fails unless the entry of key is as given, through every handle.
func (tr *trial) holds(key string, revision uint64, value string) {
	tr.Helper()
	for i := range tr.nodes {
		e := tr.load(i, key)
		tr.need(e.Revision == revision, "%q has revision %d, want %d", key, e.Revision, revision)
		tr.need(string(e.Value) == value, "%q has value %q, want %q", key, e.Value, value)
		tr.need(revision == 0 || e.Key == key, "the entry of %q says that its key is %q", key, e.Key)
	}
}

func (tr *trial) sleep(units float64) {
	tr.slept += tr.units(units)
	time.Sleep(tr.units(units))
}

// all runs f in a crowd of goroutines at once and waits for them.
func (tr *trial) all(f func(i int)) {
	var start, done sync.WaitGroup
	start.Add(1)
	for i := range crowd {
		done.Go(func() {
			start.Wait()
			f(i)
		})
	}
	start.Done()
	done.Wait()
}

func (tr *trial) units(n float64) time.Duration { return time.Duration(n * float64(tr.unit)) }

package dedup_test

import (
	"slices"
	"time"

	"github.com/weir-go/weir/primitives/dedup"
)

// model is the naive deduplicator that the real one is compared with: a map of
// flights, a slice of results in the order in which they were kept, and a loop
// for everything. It knows when results expire, where the real one is lazy.
type model struct {
	ttl     time.Duration
	limit   int // 0 for none
	now     time.Duration
	flights map[byte]*modelFlight
	results []modelResult
	sum     dedup.Snapshot
}

type modelFlight struct {
	key       byte
	forgotten bool
	ended     bool
	followers []*recorder
}

type modelResult struct {
	key     byte
	value   int
	since   time.Duration
	expires time.Duration
}

func (m *model) expire() {
	m.results = slices.DeleteFunc(m.results, func(r modelResult) bool { return m.now >= r.expires })
}

func (m *model) get(key byte) (int, bool) {
	for _, r := range m.results {
		if r.key == key {
			return r.value, true
		}
	}
	return 0, false
}

// check returns the state, the value, and the flight that was begun or found.
func (m *model) check(key byte) (dedup.State, int, *modelFlight) {
	if v, ok := m.get(key); ok {
		m.sum.Hits++
		return dedup.Cached, v, nil
	}
	if f := m.flights[key]; f != nil {
		m.sum.Shared++
		return dedup.InProgress, 0, f
	}
	m.sum.Misses++
	m.sum.InFlight++
	f := &modelFlight{key: key}
	m.flights[key] = f
	return dedup.First, 0, f
}

// end returns whether the flight was still going.
func (m *model) end(f *modelFlight, v int, failed bool, ttl time.Duration) bool {
	if f.ended {
		return false
	}
	f.ended = true
	m.sum.InFlight--
	if failed {
		m.sum.Failed++
	} else {
		m.sum.Completed++
	}
	if f.forgotten {
		return true
	}
	delete(m.flights, f.key)
	if failed || ttl <= 0 {
		return true
	}
	m.results = append(m.results, modelResult{f.key, v, m.now, m.now + ttl})
	if m.limit > 0 && len(m.results) > m.limit {
		m.evict()
	}
	return true
}

func (m *model) evict() bool {
	if len(m.results) == 0 {
		return false
	}
	m.results = m.results[1:]
	m.sum.Evicted++
	return true
}

func (m *model) clear() {
	m.results = nil
	for _, f := range m.flights {
		f.forgotten = true
	}
	clear(m.flights)
}

package dedup_test

import (
	"slices"
	"time"

	"github.com/weir-go/weir/primitives/dedup"
)

// model is a naive deduplicator, with which the real one is compared. It has a map of flights, a
// slice of results in the order in which they were kept, and a loop for everything. It removes results
// when they expire; the real one is lazy.
type model struct {
	ttl, stale, errs time.Duration
	limit            int   // 0 for none
	weight           int64 // 0 for none
	now              time.Duration
	flights          map[byte]*modelFlight
	results          []*modelResult
	sum              dedup.Snapshot
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
	failed  bool
	due     time.Duration
	expires time.Duration
	holdOff time.Duration // no renewal before
	weight  int64
}

func (m *model) expire() {
	m.results = slices.DeleteFunc(m.results, func(r *modelResult) bool { return m.now >= r.expires })
}

func (m *model) find(key byte) *modelResult {
	for _, r := range m.results {
		if r.key == key {
			return r
		}
	}
	return nil
}

func (m *model) get(key byte) (int, bool) {
	if r := m.find(key); r != nil && !r.failed {
		return r.value, true
	}
	return 0, false
}

// check returns the state, the result if there is one, and the flight that was
// begun or found.
func (m *model) check(key byte) (dedup.State, *modelResult, *modelFlight) {
	r, f := m.find(key), m.flights[key]
	if r != nil && (r.failed || m.now < r.due || f != nil || m.now < r.holdOff) {
		m.sum.Hits++
		if !r.failed && m.now >= r.due {
			m.sum.Stale++
		}
		return dedup.Cached, r, nil
	}
	if r == nil && f != nil {
		m.sum.Shared++
		return dedup.InProgress, nil, f
	}
	f = &modelFlight{key: key}
	m.flights[key] = f
	m.sum.InFlight++
	if r != nil {
		m.sum.Renewals++
		return dedup.Stale, r, f
	}
	m.sum.Misses++
	return dedup.First, nil, f
}

// end returns whether the flight was still going.
func (m *model) end(f *modelFlight, v int, failed bool, ttl time.Duration) bool {
	if f.ended {
		return false
	}
	f.ended = true
	m.sum.InFlight--
	r := &modelResult{key: f.key, value: v, weight: int64(v % 4), due: m.now + ttl, expires: m.now + ttl + m.stale}
	if m.weight == 0 {
		r.weight = 0
	}
	if failed {
		m.sum.Failed++
		r = &modelResult{key: f.key, failed: true, expires: m.now + m.errs}
		ttl = m.errs
	} else {
		m.sum.Completed++
		if ttl > 0 && r.weight > m.weight {
			m.sum.Oversize++
			ttl = 0
		}
	}
	if f.forgotten {
		return true
	}
	delete(m.flights, f.key)
	if old := m.find(f.key); old != nil {
		if failed {
			old.holdOff = m.now + m.errs
			return true
		}
		m.remove(old)
	}
	if ttl <= 0 {
		return true
	}
	for m.limit > 0 && len(m.results) >= m.limit || m.weight > 0 && m.weighs()+r.weight > m.weight {
		m.evict()
	}
	m.results = append(m.results, r)
	return true
}

func (m *model) weighs() (sum int64) {
	for _, r := range m.results {
		sum += r.weight
	}
	return sum
}

func (m *model) remove(r *modelResult) {
	m.results = slices.DeleteFunc(m.results, func(o *modelResult) bool { return o == r })
}

func (m *model) evict() bool {
	if len(m.results) == 0 {
		return false
	}
	m.results = m.results[1:]
	m.sum.Evicted++
	return true
}

func (m *model) forget(key byte) bool {
	r, f := m.find(key), m.flights[key]
	if r != nil {
		m.remove(r)
	}
	if f != nil {
		f.forgotten = true
		delete(m.flights, key)
	}
	return r != nil || f != nil
}

func (m *model) clear() {
	m.results = nil
	for _, f := range m.flights {
		f.forgotten = true
	}
	clear(m.flights)
}

package standin

import (
	"hash/fnv"
	"math/rand/v2"
	"time"
)

type kind uint8

const (
	answered kind = iota
	throttled
	failed
	refused // 503, during the outage
	dropped // the connection is cut, during the outage
)

// fate is what happens to one request.
type fate struct {
	kind    kind
	latency time.Duration
}

// maxPrompts bounds how many prompts a server remembers. When it has met so many new
// ones, it forgets those from before.
const maxPrompts = 10_000

// record is the memory of the server.
type record struct {
	served Served
	// tries counts, by the hash of the prompt, how often it was asked while the
	// service was up. A request that meets the outage is no try: whether a prompt is
	// throttled must not depend on when the outage came.
	tries map[uint64]int
	// older has the prompts from before tries was full.
	older map[uint64]int
	// until is when the outage ends; zero before it has begun.
	until time.Time
}

// next counts a request for the prompt and decides its fate. The caller holds
// the lock of the server.
func (r *record) next(m Manners, prompt string) fate {
	// Two prompts with one hash would share their tries. That decides only which of
	// them is throttled, and the hash spares keeping the texts.
	hash := fnv.New64a()
	hash.Write([]byte(prompt))
	key := hash.Sum64()
	tries := r.recall(key)
	r.served.Requests++
	f := fate{latency: m.MinLatency}
	if r.down(m) {
		// The two ways in which a service can be down, in turns.
		f.kind = refused
		if r.served.Requests%2 == 0 {
			f.kind = dropped
		}
	} else {
		r.tries[key]++
		f = decide(m, key, tries)
	}
	r.served.count(f.kind)
	return f
}

// recall returns how often the prompt was tried, and moves it to the recent ones.
func (r *record) recall(key uint64) int {
	tries, recent := r.tries[key]
	if recent {
		return tries
	}
	tries, known := r.older[key]
	if !known {
		r.served.Prompts++
	}
	if len(r.tries) == maxPrompts {
		r.tries, r.older = map[uint64]int{}, r.tries
	}
	r.tries[key] = tries
	return tries
}

// down reports whether the outage is on. The request with the number OutageAt begins
// the outage.
func (r *record) down(m Manners) bool {
	if m.OutageAt == 0 || r.served.Requests < m.OutageAt {
		return false
	}
	if r.until.IsZero() {
		r.until = time.Now().Add(m.Outage)
	}
	return time.Now().Before(r.until)
}

// decide depends only on its arguments, so that two runs meet the same trouble.
func decide(m Manners, key uint64, tries int) fate {
	dice := rand.New(rand.NewPCG(m.Seed+uint64(tries), key))
	f := fate{latency: m.MinLatency}
	if spread := m.MaxLatency - m.MinLatency; spread > 0 {
		f.latency += time.Duration(dice.Int64N(int64(spread) + 1))
	}
	// Both numbers are always drawn, so that a change of one rate does not change the
	// prompts that the other rate chooses.
	throttle, trip := dice.Uint64(), dice.Uint64()
	switch {
	case tries > 0:
	case m.ThrottleEvery > 0 && throttle%uint64(m.ThrottleEvery) == 0:
		f.kind = throttled
	case m.FailEvery > 0 && trip%uint64(m.FailEvery) == 0:
		f.kind = failed
	}
	return f
}

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

// record is what the server remembers between requests.
type record struct {
	served Served
	// tries counts, by the hash of the prompt, how often it was asked while the
	// service was up. What meets the outage is no try: whether a prompt is throttled
	// must not depend on when the outage came.
	tries map[uint64]int
	// until is when the outage ends; zero before it has begun.
	until time.Time
}

// next counts a request for the prompt and decides its fate. The caller holds
// the lock of the server.
func (r *record) next(m Manners, prompt string) fate {
	// Two prompts with one hash would share their tries. Nothing depends on it
	// but which of them is throttled, and it spares keeping the texts.
	hash := fnv.New64a()
	hash.Write([]byte(prompt))
	key := hash.Sum64()
	tries := r.tries[key]
	r.tries[key] = tries // so that a prompt that only met the outage is counted too
	r.served.Requests++
	r.served.Prompts = len(r.tries)
	f := fate{latency: m.MinLatency}
	if r.down(m) {
		// Both ways in which a service is down, in turns.
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

// down reports whether the outage is on, and begins it when its request has come.
func (r *record) down(m Manners) bool {
	if m.OutageAt == 0 || r.served.Requests < m.OutageAt {
		return false
	}
	if r.until.IsZero() {
		r.until = time.Now().Add(m.Outage)
	}
	return time.Now().Before(r.until)
}

// decide depends on its arguments alone, so that two runs meet the same trouble.
func decide(m Manners, key uint64, tries int) fate {
	dice := rand.New(rand.NewPCG(m.Seed+uint64(tries), key))
	f := fate{latency: m.MinLatency}
	if spread := m.MaxLatency - m.MinLatency; spread > 0 {
		f.latency += time.Duration(dice.Int64N(int64(spread) + 1))
	}
	// Both are drawn always, so that changing one of the rates leaves the prompts
	// that meet the other as they were.
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

package breaker

import (
	"sync"
	"time"
)

// recent remembers when the last failures were, as many as its rule needs.
type recent struct {
	rule rule
	mu   sync.Mutex
	at   []time.Duration // since the base of the breaker; grows up to rule.n
	next int             // the index of the next time; once at is full, of the oldest
}

// add counts one failure, and reports whether it met the rule. Calls that end together read the
// clock in one order, and may add their failures in another. So now can be earlier than the last
// failure.
func (r *recent) add(now time.Duration) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.at) < r.rule.n {
		r.at = append(r.at, now)
	} else {
		r.at[r.next] = now
	}
	if r.next++; r.next == r.rule.n {
		r.next = 0
	}
	return len(r.at) == r.rule.n && now-r.at[r.next] <= r.rule.window
}

// count is how many of the failures remembered are at most the duration of the rule ago.
func (r *recent) count(now time.Duration) (n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, at := range r.at {
		if now-at <= r.rule.window {
			n++
		}
	}
	return n
}

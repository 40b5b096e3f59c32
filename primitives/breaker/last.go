package breaker

import (
	"sync"
	"sync/atomic"
)

// last remembers which of the last completed calls failed.
type last struct {
	rule rule
	bad  atomic.Int64 // the number of set bits; written under mu
	mu   sync.Mutex
	bits []uint64
	at   int // the index of the oldest call, which the next one replaces
}

func newLast(of rule) *last {
	return &last{rule: of, bits: make([]uint64, (of.of+63)/64)}
}

// add counts one outcome, and reports whether it met the rule.
func (l *last) add(bad bool) bool {
	// If no bit is set, it does not matter which of them is the oldest.
	if !bad && l.bad.Load() == 0 {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	word, bit := &l.bits[l.at/64], uint64(1)<<(l.at%64)
	count := l.bad.Load()
	if *word&bit != 0 {
		count--
	}
	*word &^= bit
	if bad {
		*word |= bit
		count++
	}
	l.bad.Store(count)
	if l.at++; l.at == l.rule.of {
		l.at = 0
	}
	return bad && count >= int64(l.rule.n)
}

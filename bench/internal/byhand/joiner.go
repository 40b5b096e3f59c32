package byhand

import (
	"time"
)

// joiner keeps the items of two sources that may still find a mate.
type joiner struct {
	left, right side
	d           time.Duration
	now         time.Time
	join        func(a, b int) int
	emit        func(int) bool // false: the context has ended
}

func newJoiner(most int, d time.Duration, join func(a, b int) int) *joiner {
	return &joiner{left: newSide(most), right: newSide(most), d: d, join: join}
}

// expire reads the clock and drops the items whose time is up.
func (j *joiner) expire() {
	j.now = time.Now()
	j.left.expire(j.now.Add(-j.d))
	j.right.expire(j.now.Add(-j.d))
}

// take keeps an item on its side, and emits a pair for each of its mates on the
// other.
func (j *joiner) take(o outcome, first bool) bool {
	if o.err != nil {
		return true
	}
	own, other := &j.left, &j.right
	if !first {
		own, other = other, own
	}
	own.keep(o.value, j.now)
	for v := range other.mates(o.value) {
		a, b := o.value, v
		if !first {
			a, b = b, a
		}
		if !j.emit(j.join(a, b)) {
			return false
		}
	}
	return true
}

func (j *joiner) takeChunk(vs []outcome, first bool, from *conduit[outcome]) bool {
	j.expire()
	for _, o := range vs {
		if !j.take(o, first) {
			return false
		}
	}
	from.recycle(vs)
	return true
}

package stages

import "sync/atomic"

// lightness is what a section knows of its calls: whether they are light, so that the
// goroutine of the entrance may make them, see [gate.carry]. One that turns out to be
// slow there holds up the intake, although there are workers for the others. So it takes
// the more cheap calls in a row to try again, the more often that has happened: where
// one in so many is slow, it is soon left to the workers.
type lightness struct {
	light  atomic.Bool
	steady atomic.Int64 // cheap calls of workers in a row
	needed atomic.Int64 // how many it takes; changed by the entrance
	made   int64        // calls of the entrance since
}

const (
	// mostNeeded bounds what it takes.
	mostNeeded = 1 << 22
	// redress is how many times as many calls as it took make up for a slow one.
	redress = 16
)

// learn notes that a worker with the pace p has made n more calls.
func (l *lightness) learn(n int, p *pace) {
	switch {
	case p.calm == 0:
		if l.steady.Load() != 0 {
			l.steady.Store(0)
			l.light.Store(false)
		}
	case l.light.Load():
	case l.steady.Add(int64(n)) >= l.needed.Load() && p.light():
		l.light.Store(true)
	}
}

// approve notes that the entrance, whose pace is p, has made n more calls in ns, and
// reports whether they are light.
func (l *lightness) approve(n int, ns int64, p *pace) bool {
	needed := l.needed.Load()
	switch {
	case ns >= slow:
		l.needed.Store(min(4*needed, mostNeeded))
		l.made = 0
	case p.calm == calmLength && !p.light():
	default:
		if l.made += int64(n); l.made >= redress*needed && needed > calmLength {
			l.needed.Store(needed / 2)
			l.made = 0
		}
		return true
	}
	l.steady.Store(0)
	l.light.Store(false)
	return false
}

package kernel

import "github.com/weir-go/weir/internal/handoff"

const (
	// GroupTime is the time, in nanoseconds, that a group of items with common clock readings may
	// take. The first result of a group waits that long at most, unless an item is slow.
	GroupTime = 16_000
	// short is the work, in nanoseconds an item, below which items share clock readings.
	short = GroupTime / 4
	// cheap is the work, in nanoseconds an item, below which a neighbour may do the work of a stage.
	cheap = GroupTime / 16
	// light is the work, in nanoseconds an item, at which a whole batch takes half a GroupTime.
	light = GroupTime / handoff.BatchSize / 2
	// slow is the work on an item after which a stage must prove again that it is cheap.
	slow = 100 * cheap
	// calmLength is the number of short items in a row before items share clock readings.
	calmLength = 64
	// heavy is the load of a stage that no sender visits.
	heavy = handoff.Heavy
)

// Pace decides how many items share a pair of clock readings, and estimates the cost of an item.
type Pace struct {
	calm  int   // short items in a row, up to calmLength
	mean  int64 // nanoseconds an item, a moving average
	proof int   // cheap items that are missing before the stage may be visited
}

// NewPace returns the pace of a stage whose items are assumed to take mean nanoseconds, 0 if that is
// not known.
func NewPace(mean int64) Pace { return Pace{mean: mean, proof: calmLength} }

// Cost returns the estimated cost of an item in nanoseconds.
func (p *Pace) Cost() int64 { return p.mean }

// Share returns how many items of a batch share clock readings.
func (p *Pace) Share() int {
	if p.calm < calmLength {
		return 1
	}
	return p.group()
}

// group returns the size of a group that takes less than GroupTime, if the next items take as long
// as those before.
func (p *Pace) group() int {
	switch {
	case p.mean < light:
		return handoff.BatchSize
	case p.mean < cheap:
		return GroupTime / cheap
	}
	return GroupTime / short
}

// batch returns how many items may be done before any result is sent. After an item that was not
// short it is small, and grows: it is a quarter of the short items in a row since then.
func (p *Pace) batch() int {
	if p.calm < calmLength {
		return min(max(p.calm/4, 1), p.group())
	}
	return p.group()
}

// Note adds a group of n items that took ns nanoseconds in all to the estimates.
func (p *Pace) Note(n int, ns int64) {
	each := ns / int64(n)
	p.mean += (min(each, GroupTime) - p.mean) / 8
	p.proof = max(p.proof-n, 0)
	if each >= slow {
		p.proof = calmLength
	}
	if ns >= int64(min(n, GroupTime/short))*short {
		p.calm = 0
		return
	}
	p.calm = min(p.calm+n, calmLength)
}

// load returns the cost of an item in a goroutine that does the work of several stages.
func (p *Pace) load() int64 {
	if p.proof > 0 {
		return heavy
	}
	return p.mean
}

// Longest estimates the longest work on one item of a group of n that took ns. It assumes that the
// other items took the mean of earlier items. The error is at most n means, and 0 for a single
// item. It must be called before Note for the group.
func (p *Pace) Longest(n int, ns int64) int64 {
	each := ns / int64(n)
	return ns - int64(n-1)*min(each, p.mean)
}

// PassOn returns the largest cost of an item below at which a worker also does the work below.
// Workers with many small calls leave that work to the goroutine below, which then finds several
// results at once. Results of longer calls come one at a time, and waking the goroutine for each
// would cost more.
func (p *Pace) PassOn() int64 {
	if p.mean < 4*cheap && p.mean >= light {
		return 0
	}
	return cheap
}

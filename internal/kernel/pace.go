package kernel

import "github.com/weir-go/weir/internal/handoff"

const (
	// groupSize is how many items share clock reads if they are cheap. If they are
	// much cheaper still, it is a whole batch.
	groupSize = 16
	// cheap is the work, in nanoseconds an item, below which items share clock reads.
	cheap = 1000
	// light is the work, in nanoseconds an item, at which a batch is done in about 8
	// microseconds.
	light = groupSize * cheap / handoff.BatchSize / 2
	// slow is the work after which a stage has to show anew that it is cheap.
	slow = 100 * cheap
	// calmLength is how many cheap items in a row it takes to share clock reads.
	calmLength = 64
	// heavy is the load of a stage that works by itself.
	heavy = handoff.Heavy
)

// Pace decides how many items share a pair of clock reads, and estimates what an item
// costs.
type Pace struct {
	calm  int   // cheap items in a row, up to calmLength
	mean  int64 // nanoseconds an item, a moving average
	proof int   // cheap items that are missing until the stage may be visited
}

// NewPace returns the pace of a stage about which nothing is known.
func NewPace() Pace { return Pace{proof: calmLength} }

// NewPaceOf returns the pace of a stage about which nothing is known but what items may cost.
func NewPaceOf(mean int64) Pace { return Pace{mean: mean, proof: calmLength} }

// Cost returns what an item costs.
func (p *Pace) Cost() int64 { return p.mean }

// Share returns how many items of a batch share clock reads.
func (p *Pace) Share() int {
	switch {
	case p.calm < calmLength:
		return 1
	case p.mean < light:
		return handoff.BatchSize
	}
	return groupSize
}

// batch returns how many items may be done before any of them is handed on. After an
// item that was not cheap it grows: a quarter of what has been cheap in a row since.
func (p *Pace) batch() int {
	if p.calm < calmLength {
		return max(p.calm/4, 1)
	}
	return p.Share()
}

// Note learns from a group of n items that took ns in all.
func (p *Pace) Note(n int, ns int64) {
	each := ns / int64(n)
	p.mean += (min(each, groupSize*cheap) - p.mean) / 8
	p.proof = max(p.proof-n, 0)
	if each >= slow {
		p.proof = calmLength
	}
	if ns >= int64(min(n, groupSize))*cheap {
		p.calm = 0
		return
	}
	p.calm = min(p.calm+n, calmLength)
}

// load is what an item costs in a goroutine that does the work of several stages.
func (p *Pace) load() int64 {
	if p.proof > 0 {
		return heavy
	}
	return p.mean
}

// Longest estimates the longest work on one item of a group of n that took ns: what is
// left of the time if the others took what items have taken before. The estimate is at
// most n means off, and exact for an item alone. It must come before note of the group.
func (p *Pace) Longest(n int, ns int64) int64 {
	each := ns / int64(n)
	return ns - int64(n-1)*min(each, p.mean)
}

// PassOn is what an item may cost below for a worker to do that, too. Workers that are busy
// with small calls leave it to the goroutine below, which then finds several results at once.
// Results of longer calls come one at a time, and to wake the goroutine for each costs more.
func (p *Pace) PassOn() int64 {
	if p.mean < 4*cheap && p.mean >= light {
		return 0
	}
	return cheap
}

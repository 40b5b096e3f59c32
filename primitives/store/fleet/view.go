package fleet

import (
	"cmp"
	"slices"
	"time"
)

// maxOpen is the longest opening that a node accepts from another.
const maxOpen = time.Hour

// record is an entry of a node: a vote, under the node's own name, or a verdict. It has no absolute
// time, see [store].
type record struct {
	versioned
	Epoch uint64        `json:"epoch"`
	For   time.Duration `json:"for"` // how long open, from the write on; 0 for not open
}

// keep is how long a record stays in the store. It stays for some time after the end of the
// opening. So a new node knows that no node has found the service up since then. A verdict outlasts
// all votes that it makes void.
func (r record) keep() time.Duration { return 2*r.For + time.Minute }

const keepVerdict = 2*maxOpen + 2*time.Minute

// view is what a node knows of the fleet. It learns entries and answers questions. All times are
// those of the node's own monotonic clock. It is not safe for concurrent use.
type view struct {
	epoch   uint64
	verdict seen
	votes   map[string]seen // by key
	ignored uint64
	old     uint64
}

// seen is a record, and the times between which it matters.
type seen struct {
	revision uint64
	epoch    uint64
	told     time.Duration // the For of the record
	open     bool
	from     time.Duration // the latest time at which it can have been written
	until    time.Duration // the end of the opening
	forget   time.Duration
}

// learn adds a record, and reports whether it was new. forced is true for a record that the node
// has just written itself: it is the newest, whatever its revision.
func (v *view) learn(key string, verdict bool, revision uint64, r record, age, now time.Duration, forced bool) bool {
	had := v.verdict
	if !verdict {
		had = v.votes[key]
	}
	later := verdict && r.Epoch > v.epoch // news, whatever its revision
	if !forced && !later && revision <= had.revision {
		if revision < had.revision {
			v.old++
		}
		return false
	}
	s := seen{revision: revision, epoch: r.Epoch, told: r.For, open: r.For > 0}
	r.For = min(max(r.For, 0), maxOpen)
	age = max(age, 0)
	s.from = now - age
	s.until = now + r.For - min(age, r.For)
	s.forget = now + r.keep() - min(age, r.keep())
	if verdict {
		if r.Epoch < v.epoch {
			v.old++
			return false
		}
		v.epoch, v.verdict = r.Epoch, s
		return true
	}
	if v.votes == nil {
		v.votes = make(map[string]seen)
	}
	v.votes[key] = s
	return true
}

// opening is the decision of the fleet. The zero opening means that there is none.
type opening struct {
	down  bool          // no node has found the service up again yet
	until time.Duration // time from which the service may be probed; in the past if it may be probed now
}

// opening returns the present decision. It comes from the verdict, or from the votes if enough
// nodes have said at the same time that the service is down. No node may probe until too few of
// these votes hold. After that the service still counts as down.
func (v *view) opening(now time.Duration, quorum int) (o opening) {
	var votes []seen
	for key, s := range v.votes {
		switch {
		case now >= s.forget:
			delete(v.votes, key)
		case s.open && s.epoch >= v.epoch:
			votes = append(votes, s)
		}
	}
	o.until, o.down = agreed(votes, quorum)
	if v.verdict.open && now < v.verdict.forget {
		o.down, o.until = true, max(o.until, v.verdict.until)
	}
	return o
}

// agreed reports whether a quorum of votes held at any time, and until when the last such
// quorum holds.
func agreed(votes []seen, quorum int) (until time.Duration, ok bool) {
	if len(votes) < quorum {
		return 0, false
	}
	slices.SortFunc(votes, func(a, b seen) int { return cmp.Compare(a.from, b.from) })
	// ends are the latest ends of the votes so far, ascending, at most a quorum of them.
	// The quorum holds if the vote that ends first does.
	var ends []time.Duration
	for _, s := range votes {
		i, _ := slices.BinarySearch(ends, s.until)
		ends = slices.Insert(ends, i, s.until)
		if len(ends) > quorum {
			ends = slices.Delete(ends, 0, 1)
		}
		if len(ends) == quorum && ends[0] > s.from {
			until, ok = ends[0], true
		}
	}
	return until, ok
}

// count returns how many nodes say that the service is down.
func (v *view) count(now time.Duration) (n int) {
	for _, s := range v.votes {
		if s.open && s.epoch >= v.epoch && now < s.until {
			n++
		}
	}
	return n
}

// behind reports whether a node votes in an epoch that is over. Such a node does not know
// the verdict that ended the epoch.
func (v *view) behind(now time.Duration) bool {
	for _, s := range v.votes {
		if s.open && s.epoch < v.epoch && now < s.until {
			return true
		}
	}
	return false
}

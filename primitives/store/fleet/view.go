package fleet

import (
	"cmp"
	"slices"
	"time"
)

// maxOpen is the longest opening that anybody takes another node's word for.
const maxOpen = time.Hour

// record is what a node writes: a vote, under its own name, or a verdict. There
// is no point in time in it. See [store].
type record struct {
	versioned
	Epoch uint64        `json:"epoch"`
	For   time.Duration `json:"for"` // how long open from the write on; 0: not open
}

// keep is how long a record stays in the store: for a while after the opening
// is over, so that a node that comes new knows that nobody has found the service
// up since. A verdict outlasts all votes that it makes void.
func (r record) keep() time.Duration { return 2*r.For + time.Minute }

const keepVerdict = 2*maxOpen + 2*time.Minute

// view is what a node knows of the fleet. It is a plain value that is fed with
// entries and asked questions; all times are those of the node's own monotonic
// clock. Not safe for concurrent use.
type view struct {
	epoch   uint64
	verdict seen
	votes   map[string]seen // by key
	ignored uint64
	old     uint64
}

// seen is a record and when it stops to matter.
type seen struct {
	revision uint64
	epoch    uint64
	open     bool
	from     time.Duration // when it was written
	until    time.Duration // the end of the opening
	forget   time.Duration
}

// learn takes a record in, and reports whether it was news. forced is for what
// the node has just written itself: nothing can be newer, whatever the number of
// its revision (a store that has lost its memory begins anew).
func (v *view) learn(key string, verdict bool, revision uint64, r record, age, now time.Duration, forced bool) bool {
	had := v.verdict
	if !verdict {
		had = v.votes[key]
	}
	later := verdict && r.Epoch > v.epoch // whatever its revision
	if !forced && !later && revision <= had.revision {
		if revision < had.revision {
			v.old++
		}
		return false
	}
	r.For = min(max(r.For, 0), maxOpen)
	age = max(age, 0)
	s := seen{revision: revision, epoch: r.Epoch, open: r.For > 0}
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

// opening is what the fleet has decided. The zero opening is that there is none.
type opening struct {
	down  bool          // nobody has found out yet that the service is up again
	until time.Duration // when it may be probed; in the past where it may be now
}

// opening returns the decision as of now: the verdict's, or that of the votes
// where enough nodes have said at one time that the service is down. That
// decision stands when the votes' time is over, and with it the time in which
// nobody is to probe: it ends when there are too few whose time is not over.
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

// agreed reports whether at any time a quorum of votes held, and until when the
// last such one does.
func agreed(votes []seen, quorum int) (until time.Duration, ok bool) {
	if len(votes) < quorum {
		return 0, false
	}
	slices.SortFunc(votes, func(a, b seen) int { return cmp.Compare(a.from, b.from) })
	// The latest ends of the votes up to here, ascending: so many as make a quorum.
	// What is over comes before what is not, so the quorum holds if the first does.
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

// behind reports whether a node votes in an epoch that is over, since it cannot
// know of the verdict that ended it.
func (v *view) behind(now time.Duration) bool {
	for _, s := range v.votes {
		if s.open && s.epoch < v.epoch && now < s.until {
			return true
		}
	}
	return false
}

package dedup

import "time"

// A CallOption changes one call.
type CallOption struct {
	ttl  time.Duration
	at   time.Time
	kind byte
}

const (
	setTTL byte = iota + 1
	setAt
)

// TTL keeps the value of this one run for ttl in place of the policy's. Zero and less
// keep nothing. No other key is affected. It counts for the run that it is given to, in
// [Dedup.Do] and [Dedup.Complete]: a caller that finds the key in flight or kept changes
// nothing. Given to [Dedup.Fail] it keeps the error for ttl, whatever the error says and
// whatever the policy's [ErrorTTL] is.
//
// If ttls differ, a hand that goes round all results finds the expired ones. It
// looks at two of them for each result that is kept. Until it comes by, up to as many
// expired results as live ones hold memory, and take room under a cap. They are never
// served and never counted.
func TTL(ttl time.Duration) CallOption { return CallOption{ttl: ttl, kind: setTTL} }

// At tells a call the time, if the caller knows it. That saves the clock read, which
// costs as much as all else in a hit together. t comes from a recent time.Now: what is
// kept is judged by its age at t, and [Dedup.Complete] and [Dedup.Fail] keep a result
// from t on. [Dedup.Do] uses t only to find a result.
func At(t time.Time) CallOption { return CallOption{at: t, kind: setAt} }

// call is the sum of the options of a call.
type call struct {
	ttl time.Duration
	own bool  // the ttl belongs to the call
	now int64 // 0: the clock must be read
}

func (d *Dedup[K, V]) call(opts []CallOption) call {
	if len(opts) == 0 {
		return call{ttl: d.ttl}
	}
	return d.options(opts)
}

func (d *Dedup[K, V]) options(opts []CallOption) call {
	c := call{ttl: d.ttl}
	for i := range opts {
		switch o := &opts[i]; o.kind {
		case setTTL:
			c.ttl, c.own = o.ttl, true
		case setAt:
			c.now = max(int64(o.at.Sub(d.start)), 1)
		}
	}
	return c
}

// asked returns when the call was made, if the caller tells it or if runs are timed
// because their results are renewed early, and otherwise 0.
func (d *Dedup[K, V]) asked(c call) int64 {
	if c.now == 0 && d.early {
		return d.now()
	}
	return c.now
}

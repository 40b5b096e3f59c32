package dedup

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/weir-go/weir/primitives/outcome"
)

// now returns the age of d, at least 1. It costs as much as the rest of a hit. Must not: be called
// with a lock held.
func (d *Dedup[K, V]) now() int64 { return int64(time.Since(d.start)) }

// decide sets how long the result of a flight that has ended is kept. ctx is the context of the
// run, which continues while a caller waits. If ctx is nil, an error is also kept for the ttl of
// the call.
func (d *Dedup[K, V]) decide(end *ending[V], ctx context.Context, c call) {
	ttl := c.ttl
	if end.err != nil && (ctx != nil || !c.own) {
		ttl = d.errorTTL(ctx, end.err)
	}
	if ttl <= 0 {
		return
	}
	if d.policy.jitter > 0 {
		ttl -= time.Duration(rand.Float64() * d.policy.jitter * float64(ttl))
	}
	end.odd = ttl != d.ttl || c.now != 0
	now := c.now
	if now == 0 {
		now = d.now()
	}
	end.now, end.expires = now, after(now, int64(ttl))
	if end.err != nil {
		return
	}
	end.expires = after(end.expires, d.ages)
	if d.weigh != nil {
		end.weight = max(d.weigh(end.value), 0)
	}
}

// after adds a duration to a time. The sum saturates.
func after(t, d int64) int64 {
	if t > forever-d {
		return forever
	}
	return t + d
}

// errorTTL returns how long err is kept. 0 is not at all.
func (d *Dedup[K, V]) errorTTL(ctx context.Context, err error) time.Duration {
	ttl := d.policy.errors
	if ttl <= 0 || err == errUnfinished {
		return 0
	}
	if ctx == nil {
		ctx = context.Background()
	}
	switch o := d.policy.classifier()(ctx, err); o.Kind {
	case outcome.Success, outcome.Ignored:
		return 0
	case outcome.Throttled:
		if o.After > 0 {
			return min(ttl, o.After)
		}
	}
	return ttl
}

// due reports whether this caller renews a value that has not expired. It does if the
// value is stale, or soon will be and a random number says so.
//
// A value that took long to get is renewed earlier, by a time that is drawn for each
// caller from an exponential distribution. With many callers the first renews early,
// and with few there is no hurry. (XFetch: Vattani, Chierichetti and Lowenstein, Optimal
// Probabilistic Cache Stampede Prevention, VLDB 2015.)
func (d *Dedup[K, V]) due(s *shard[K, V], i uint32, now int64) bool {
	left := s.table.entries[i].expires - int64(d.policy.stale) - now
	if left <= 0 {
		return true
	}
	return s.early && float64(left) <= d.policy.early*float64(s.facts[i].took)*rand.ExpFloat64()
}

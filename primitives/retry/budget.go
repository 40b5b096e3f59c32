package retry

import (
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// Budget keeps retries in proportion to calls: if most calls fail, more retries are only
// more load. It is a bucket of tokens. Each call adds a part of a token. Time adds tokens as
// well, so that a retrier with few calls has retries. Each retry takes a whole token. If
// there is none, the retry is refused before its wait, and the call ends with [OverBudget].
//
// [NewBudget] makes a Budget, and [WithBudget] gives it to policies. Any number of retriers
// use it at the same time. It must not be copied. While the bucket is full, a call costs one
// load.
//
// The tokens for calls are after "Fixing retries with token buckets" in gRPC's proposal A6,
// the tokens for time after the retry budgets of Finagle.
type Budget struct {
	share    int64 // tokens that a call adds, in units of 1/unit
	full     int64
	reserve  float64 // tokens per second, and so units per nanosecond
	base     time.Time
	tokens   atomic.Int64
	taken    atomic.Uint64
	refused  atomic.Uint64
	mu       sync.Mutex
	refilled time.Duration // since base; when the reserve was last added
}

// unit is the resolution of the bucket. A reserve of one token per second is one unit per
// nanosecond.
const unit = 1e9

// NewBudget returns a budget to which each call adds share tokens and each second reserve
// tokens. It holds at most burst tokens, and starts full. NewBudget(0.2, 10, 100) allows one
// retry for five calls, and ten a second however few calls there are, and a hundred at a
// time.
//
// share must be 0 or in 1e-9..1, and reserve at least 0. One of them must be more than 0.
// burst must be in 1..1000000000. The [*PolicyError] tells everything that is wrong.
func NewBudget(share, reserve float64, burst int) (*Budget, error) {
	var faults []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	check(share >= 0 && share <= 1, "budget share is %v, want 0 to 1", share)
	check(!(share > 0 && share < 1/unit), "budget share is %v, want 0 or at least 1e-9", share)
	check(reserve >= 0 && reserve <= math.MaxFloat64, "budget reserve is %v per second, want 0 or more", reserve)
	check(share != 0 || reserve != 0, "budget has neither a share nor a reserve")
	check(burst >= 1 && burst <= 1e9, "budget burst is %d, want 1 to 1000000000", burst)
	if len(faults) > 0 {
		return nil, &PolicyError{Err: errors.Join(faults...)}
	}
	b := &Budget{share: int64(math.Round(share * unit)), full: int64(burst) * unit, reserve: reserve, base: time.Now()}
	b.tokens.Store(b.full)
	return b, nil
}

// deposit adds the share of n calls, n > 0. Calls that succeed make deposits, and
// leave a full bucket behind, so the bucket is looked at first.
func (b *Budget) deposit(n int) {
	if b == nil || b.share == 0 || b.tokens.Load() >= b.full {
		return
	}
	if int64(n) > b.full/b.share { // more than fits, and maybe more than an int64
		b.add(b.full)
		return
	}
	b.add(int64(n) * b.share)
}

// add puts n units into the bucket, or as many as fit.
func (b *Budget) add(n int64) {
	for {
		now := b.tokens.Load()
		if b.tokens.CompareAndSwap(now, min(now+n, b.full)) {
			return
		}
	}
}

// withdraw takes a token for a retry and reports whether there was one. A nil budget has no
// limit.
func (b *Budget) withdraw() bool {
	if b == nil {
		return true
	}
	b.refill()
	for {
		now := b.tokens.Load()
		if now < unit {
			b.refused.Add(1)
			return false
		}
		if b.tokens.CompareAndSwap(now, now-unit) {
			b.taken.Add(1)
			return true
		}
	}
}

// restore gives back the token of a retry that was not made.
func (b *Budget) restore() {
	if b == nil {
		return
	}
	b.add(unit)
	b.taken.Add(^uint64(0))
}

// refill adds the reserve since the last refill.
//
// Ordering: under the lock, so no later withdraw sees the bucket before the reserve of the
// time until now is in it.
func (b *Budget) refill() {
	if b.reserve == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Since(b.base)
	brought := min(float64(now-b.refilled)*b.reserve, float64(b.full))
	if brought < 1 {
		return // refilled stays, so the part of a unit is not lost
	}
	b.add(int64(brought))
	b.refilled = now
}

// BudgetSnapshot is the state of a [Budget].
type BudgetSnapshot struct {
	// Tokens is how many retries are allowed now, with the part of the next one.
	Tokens float64
	// Retries is how many retries were allowed since the start, and Refused how many were
	// not.
	Retries, Refused uint64
}

// Snapshot returns at once. Its numbers are read one after the other, so while calls are
// under way they can differ by some of those.
func (b *Budget) Snapshot() BudgetSnapshot {
	b.refill()
	return BudgetSnapshot{
		Tokens:  float64(b.tokens.Load()) / unit,
		Retries: b.taken.Load(),
		Refused: b.refused.Load(),
	}
}

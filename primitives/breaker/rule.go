package breaker

import (
	"fmt"
	"strconv"
	"time"
)

// InARow is the rule that n failures follow one another without a success in between. n
// must be in 1..16777215. It is the rule of [Consecutive] and the cheapest one: a healthy
// call looks at one word and at no clock.
func InARow(n int) Option { return with(rule{kind: inARow, n: n}) }

// OutOf is the rule that at least m of the last n completed calls failed, however long
// ago. Before there are n calls, the missing ones count as successes. 1 <= m <= n <=
// 65536. While none of the last n calls has failed, the rule costs a healthy call one
// more look. Otherwise it costs a lock for some nanoseconds.
func OutOf(m, n int) Option { return with(rule{kind: outOf, n: m, of: n}) }

// Rate is the rule that at least the share ratio of the calls completed within window
// failed. It needs at least minCalls such calls. The rule is checked at each failure. A
// success that makes the number of calls sufficient does not open the breaker; the next
// failure does. The window slides in sixteenths of its length: an outcome counts for
// 15/16 of the window at least, and for the whole window at most. 0 < ratio <= 1,
// minCalls >= 1, window >= 160 ns. The rule costs a call one look at the clock.
func Rate(ratio float64, window time.Duration, minCalls int) Option {
	return with(rule{kind: rate, ratio: ratio, window: window, min: minCalls})
}

// Slow is the rule that at least the share ratio of the calls completed within window
// took d or longer, however they ended. It needs at least minCalls such calls. The rule
// is checked at the end of each slow call. A probe that takes d or longer counts as
// failed. The window is that of [Rate]. d must be positive. The rule costs a call two
// looks at the clock. It does not measure calls whose outcome counts for nothing.
func Slow(d time.Duration, ratio float64, window time.Duration, minCalls int) Option {
	return with(rule{kind: slow, slow: d, ratio: ratio, window: window, min: minCalls})
}

// Within is the rule that n calls failed, the first of them at most d before the last.
// Successes in between change nothing. 1 <= n <= 65536, and d must be positive. The rule
// costs a healthy call nothing, and a failed one a look at the clock and a lock. It
// remembers up to n times of 8 bytes each.
func Within(n int, d time.Duration) Option { return with(rule{kind: within, n: n, window: d}) }

// Hung is the rule that at least n admitted calls have been running for d or longer. The
// rule is checked, to the nanosecond, when a call asks for admission: no goroutine
// watches. A token that is never recorded is a call that never ends. d must be positive
// and n at least 1. The rule costs a call one look at the clock, and a lock at its
// beginning and at its end.
func Hung(d time.Duration, n int) Option { return with(rule{kind: hung, slow: d, n: n}) }

func with(r rule) Option { return func(p *Policy) { p.rules = append(p.rules, r) } }

// rule is when a breaker opens. It is a plain struct and not an interface, so the paths
// of all calls branch on numbers and call nothing.
type rule struct {
	kind   kind
	n, of  int
	ratio  float64
	window time.Duration
	min    int
	slow   time.Duration
}

type kind uint8

const (
	inARow kind = iota + 1
	outOf
	rate
	slow
	hung
	within
)

const (
	// maxOutOf bounds the memory of an OutOf rule to 8 KiB.
	maxOutOf = 1 << 16
	// maxWithin bounds the memory of a Within rule to 512 KiB.
	maxWithin = 1 << 16
)

// String is how a Change and a Snapshot name the rule.
func (r rule) String() string {
	switch r.kind {
	case inARow:
		return fmt.Sprintf("%d in a row", r.n)
	case outOf:
		return fmt.Sprintf("%d out of %d", r.n, r.of)
	case rate:
		return fmt.Sprintf("%s of %d or more in %v", percent(r.ratio), r.min, r.window)
	case slow:
		return fmt.Sprintf("%s of %d or more in %v took %v", percent(r.ratio), r.min, r.window, r.slow)
	case hung:
		return fmt.Sprintf("%d running for %v", r.n, r.slow)
	case within:
		return fmt.Sprintf("%d within %v", r.n, r.window)
	}
	return "unknown"
}

func percent(ratio float64) string { return strconv.FormatFloat(100*ratio, 'g', 4, 64) + "%" }

// check reports what is wrong with the numbers of r.
func (r rule) check(check checker) {
	switch r.kind {
	case inARow:
		check(r.n >= 1, "failures is %d, want at least 1", r.n)
		check(r.n <= maxFailures, "failures is %d, want at most %d", r.n, maxFailures)
	case outOf:
		check(r.n >= 1 && r.n <= r.of, "OutOf: failures is %d, want 1 to %d", r.n, r.of)
		check(r.of <= maxOutOf, "OutOf: calls is %d, want at most %d", r.of, maxOutOf)
	case rate:
		r.checkShare(check, "Rate")
	case slow:
		check(r.slow > 0, "Slow: duration is %v, want more than 0", r.slow)
		r.checkShare(check, "Slow")
	case within:
		check(r.n >= 1 && r.n <= maxWithin, "Within: failures is %d, want 1 to %d", r.n, maxWithin)
		check(r.window > 0, "Within: duration is %v, want more than 0", r.window)
	case hung:
		check(r.slow > 0, "Hung: duration is %v, want more than 0", r.slow)
		check(r.n >= 1, "Hung: calls is %d, want at least 1", r.n)
	}
}

func (r rule) checkShare(check checker, option string) {
	check(r.ratio > 0 && r.ratio <= 1, "%s: ratio is %v, want more than 0 and at most 1", option, r.ratio) // NaN fails it
	check(r.window >= minWindow, "%s: window is %v, want at least %v", option, r.window, minWindow)
	check(r.min >= 1, "%s: minimum of calls is %d, want at least 1", option, r.min)
}

// met reports whether bad out of total calls reach the share of r. It divides, since the
// quotient is the float64 nearest to the share, as the ratio in the policy is. A product
// would be wrong: 0.07*100 is above 7.
func (r rule) met(bad, total int64) bool {
	return total >= int64(r.min) && float64(bad)/float64(total) >= r.ratio
}

package breaker

import (
	"fmt"
	"strconv"
	"time"
)

// InARow is the rule that n failures follow one another without a success in
// between. n must be in 1..16777215. It is the rule of [Consecutive], and the
// cheapest: a healthy call is one look at a word, without a clock.
func InARow(n int) Option { return with(rule{kind: inARow, n: n}) }

// OutOf is the rule that at least m of the last n completed calls failed,
// however long ago they were; before there are n, the missing ones count as
// successes. 1 <= m <= n <= 65536. While none of the last n has failed, it costs
// a healthy call one more look; otherwise a lock for some nanoseconds.
func OutOf(m, n int) Option { return with(rule{kind: outOf, n: m, of: n}) }

// Rate is the rule that of the calls completed within window at least the share
// ratio failed, where there were at least minCalls of them. The window slides in
// sixteenths of its length: an outcome counts for 15/16 of it at least, and for
// the whole of it at most. 0 < ratio <= 1, minCalls >= 1, window >= 160 ns. It
// costs a call one look at the clock.
func Rate(ratio float64, window time.Duration, minCalls int) Option {
	return with(rule{kind: rate, ratio: ratio, window: window, min: minCalls})
}

// Slow is the rule that of the calls completed within window at least the share
// ratio took d or longer, however they ended, where there were at least minCalls
// of them. A probe that takes d or longer counts as failed. What is said of the
// window of [Rate] holds here. d must be positive. It costs a call two looks at
// the clock. Outcomes that count for nothing are not measured either.
func Slow(d time.Duration, ratio float64, window time.Duration, minCalls int) Option {
	return with(rule{kind: slow, slow: d, ratio: ratio, window: window, min: minCalls})
}

// Hung is the rule that at least n admitted calls have been running for d or
// longer and are running still. It is checked when somebody asks for admission,
// to the nanosecond: no goroutine watches. A token that is never recorded is a
// call that runs for ever. d must be positive and n at least 1. It costs a call
// one look at the clock, and a lock at its begin and its end.
func Hung(d time.Duration, n int) Option { return with(rule{kind: hung, slow: d, n: n}) }

func with(r rule) Option { return func(p *Policy) { p.rules = append(p.rules, r) } }

// rule is when a breaker opens. It is a plain struct, not an interface, so that
// the paths of all calls branch on numbers and call nothing.
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
)

// maxOutOf bounds the memory of an OutOf rule to 8 KiB.
const maxOutOf = 1 << 16

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

// met reports that so many bad ones of all reach the share of r. It divides:
// the quotient is the float64 nearest to the share, and so is the ratio that the
// user wrote; ratio*total would be above 7 for 0.07 of 100.
func (r rule) met(bad, total int64) bool {
	return total >= int64(r.min) && float64(bad)/float64(total) >= r.ratio
}

package chat

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// retryAfter returns how long the service asks its clients to wait, and whether it
// asks. Some services send Retry-After-Ms, because a whole second is long; it comes
// first. Sums saturate, and a time that has passed is 0.
func retryAfter(header http.Header) (time.Duration, bool) {
	if wait, ok := amount(header.Get("Retry-After-Ms"), time.Millisecond); ok {
		return wait, true
	}
	text := strings.TrimSpace(header.Get("Retry-After"))
	if wait, ok := amount(text, time.Second); ok {
		return wait, true
	}
	date, err := http.ParseTime(text)
	if err != nil {
		return 0, false
	}
	// Both times are of the service's clock, so the difference is right even if that
	// clock is wrong. The clock of this machine is used only if there is no Date.
	now, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		now = time.Now()
	}
	return max(date.Sub(now), 0), true
}

// amount parses a number of units that is not negative. The standard has no
// fractions, but some services send them.
func amount(text string, unit time.Duration) (time.Duration, bool) {
	n, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || math.IsNaN(n) || math.IsInf(n, 0) || n < 0 {
		return 0, false
	}
	if n >= float64(math.MaxInt64)/float64(unit) {
		return math.MaxInt64, true
	}
	return time.Duration(n * float64(unit)), true
}

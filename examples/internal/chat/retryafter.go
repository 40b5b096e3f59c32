package chat

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// retryAfter reads how long the service wants to be left alone, and whether it
// said so at all. Retry-After-Ms is what some services add because a whole second
// is long; it comes first. Sums saturate, and a time that has passed is 0.
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
	// Both times are the service's, so its clock may be wrong and the difference
	// is still right. Ours comes in only where it sent no Date.
	now, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		now = time.Now()
	}
	return max(date.Sub(now), 0), true
}

// amount parses a number of units that is not negative. Fractions are not in
// the standard, and are sent all the same.
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

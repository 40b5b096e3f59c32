package breaker

import "time"

// Token is the admission of one call. [Breaker.Allow] gives it and [Breaker.Record] takes
// it back. It is a small value without pointers. It belongs to the breaker that gave it,
// and one goroutine at a time uses it. The zero Token stands for no call.
//
// Record empties the token, so recording it again does nothing. A copy is a token of its
// own: do not record both. The copies of a probe count once. A failure of a call that was
// admitted in state Closed counts once for each copy.
type Token struct {
	stamp word // of the generation that the call was admitted under; 0: none
	// mark identifies the call, if the breaker must know more of it. In state HalfOpen it is the
	// probe. With a Hung rule it is the flight. Otherwise, with a Slow rule, it is the start. 0 is
	// none of them.
	mark uint64
}

// spend empties t and returns what it was.
func (t *Token) spend() Token {
	spent := *t
	*t = Token{}
	return spent
}

// startMark keeps the start of a call in a token. It is never 0.
func startMark(now time.Duration) uint64 { return uint64(now) + 1 }

func (t Token) started() time.Duration { return time.Duration(t.mark - 1) }

package breaker

import "time"

// Token is the admission of one call, given by [Breaker.Allow] and taken back
// by [Breaker.Record]. It is a small value without pointers. It belongs to the
// breaker that gave it and is used by one goroutine at a time. The zero Token
// stands for no call.
//
// Recording empties the token, so that recording it again does nothing. A copy
// is a token of its own: do not record both. Of a probe, the copies count once;
// of a call admitted in state Closed, a failure counts once for each copy.
type Token struct {
	stamp word // of the generation that the call was admitted under; 0: none
	// mark identifies the call where the breaker has to know more of it: the probe
	// in state HalfOpen, the flight where there is a Hung rule, or else the start
	// where there is a Slow rule. 0: nothing of the kind.
	mark uint64
}

// spend empties t and returns what it was.
func (t *Token) spend() Token {
	spent := *t
	*t = Token{}
	return spent
}

// startMark keeps the start of a call in a token, apart from 0.
func startMark(now time.Duration) uint64 { return uint64(now) + 1 }

func (t Token) started() time.Duration { return time.Duration(t.mark - 1) }

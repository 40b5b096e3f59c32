package breaker

// Token is the admission of one call, given by [Breaker.Allow] and taken back
// by [Breaker.Record]. It is a small value without pointers. It belongs to the
// breaker that gave it and is used by one goroutine at a time. The zero Token
// stands for no call.
//
// Recording empties the token, so that recording it again does nothing. A copy
// is a token of its own: do not record both. Of a probe, the copies count once;
// of a call admitted in state Closed, a failure counts once for each copy.
type Token struct {
	stamp word   // of the generation that the call was admitted under; 0: none
	probe uint64 // identifies the probe slot; 0 in state Closed
}

// spend empties t and returns what it was.
func (t *Token) spend() Token {
	spent := *t
	*t = Token{}
	return spent
}

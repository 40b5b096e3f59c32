package breaker

// word is all that the closed path looks at, in one atomic 64-bit value:
//
//	| generation (36 bits) | failures in a row (24 bits) | gated, watched (1 bit each) | state (2 bits) |
//
// The failures share the word with the generation so that counting one is a
// single compare-and-swap: a failure can not slip into a generation that began
// between the check of its token and the count, which two words would allow.
//
// Two bits stand for all that makes state Closed more than a row of failures.
// Watched: the end of a call has to be shown to rules with a memory. Gated: the
// admission of a call takes more than a look at the word, since calls are timed or
// held back by a ramp, or the mode is Disabled. A breaker without any of it never
// sees more of it than the mask of one test.
//
// Writers: in state Closed anybody may swap the failures; all else changes only
// under Breaker.mu.
type word uint64

const (
	stateMask   word = 1<<2 - 1
	watchedBit  word = 1 << 2
	gatedBit    word = 1 << 3
	failureUnit word = 1 << 4
	// maxFailures is also the largest threshold. It leaves the generation 36
	// bits: at a thousand transitions a second they last for two years, and a
	// token would have to be that old, to the transition, to be mistaken.
	maxFailures         = 1<<24 - 1
	failureMask    word = maxFailures * failureUnit
	generationUnit word = 1 << 28
)

// firstWord is Closed, generation 1. No generation is 0, so the zero Token
// belongs to none.
const firstWord = generationUnit

func (w word) state() State       { return State(w & stateMask) }
func (w word) failures() int      { return int(w & failureMask / failureUnit) }
func (w word) generation() uint64 { return uint64(w / generationUnit) }
func (w word) watched() bool      { return w&watchedBit != 0 }
func (w word) gated() bool        { return w&gatedBit != 0 }

// plain is Closed and not gated: a call passes without another look.
func (w word) plain() bool { return w&(stateMask|gatedBit) == 0 }

// stamp is what a token remembers of the word: the generation and its state. The
// gate may open within a generation, when a ramp is over.
func (w word) stamp() word { return w &^ (failureMask | watchedBit | gatedBit) }

// failed is w with one more failure in a row.
func (w word) failed() word {
	if w.failures() == maxFailures {
		return w
	}
	return w + failureUnit
}

// next begins a new generation.
func (w word) next(s State, failures int) word {
	generation := w &^ (generationUnit - 1)
	generation += generationUnit
	if generation == 0 {
		generation = generationUnit
	}
	return generation | word(min(failures, maxFailures))*failureUnit | word(s)
}

package breaker

// word is all that the closed path reads, in one atomic 64-bit value:
//
//	| generation (36 bits) | failures in a row (24 bits) | free, watched (1 bit each) | state (2 bits) |
//
// The failures share the word with the generation, so one compare-and-swap counts a
// failure. With two words, a failure could slip into a generation that began between
// the check of its token and the count.
//
// Two bits stand for all that makes state Closed more than a row of failures.
//
//   - Watched: the end of a call has to be shown to rules with a memory.
//   - Free: a call passes without another look. The bit is not set if calls are timed
//     or held back by a ramp, or if the mode is Disabled. It is not set in the word 0
//     either, which is that of a breaker that cannot be used.
//
// One test with a mask sees all of it.
//
// Writers: in state Closed any goroutine swaps the failures. All else changes only
// under Breaker.mu.
type word uint64

const (
	stateMask   word = 1<<2 - 1
	watchedBit  word = 1 << 2
	freeBit     word = 1 << 3
	failureUnit word = 1 << 4
	// maxFailures is also the largest threshold. It leaves 36 bits for the generation. At a
	// thousand transitions a second they last for two years. Only a token of exactly that age could
	// be mistaken.
	maxFailures         = 1<<24 - 1
	failureMask    word = maxFailures * failureUnit
	generationUnit word = 1 << 28
)

// firstWord is Closed, generation 1. No generation is 0. So the zero Token belongs to no
// generation, and neither does the zero Breaker.
const firstWord = generationUnit

func (w word) state() State       { return State(w & stateMask) }
func (w word) failures() int      { return int(w & failureMask / failureUnit) }
func (w word) generation() uint64 { return uint64(w / generationUnit) }
func (w word) watched() bool      { return w&watchedBit != 0 }
func (w word) free() bool         { return w&freeBit != 0 }

// plain is Closed and free: a call passes without another look.
func (w word) plain() bool { return w&(stateMask|freeBit) == freeBit }

// stamp is what a token remembers of the word: the generation and its state. The
// free bit can change within a generation, when a ramp is over.
func (w word) stamp() word { return w &^ (failureMask | watchedBit | freeBit) }

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

package breaker

// word is all that the closed path looks at, in one atomic 64-bit value:
//
//	| generation (38 bits) | failures in a row (24 bits) | state (2 bits) |
//
// The failures share the word with the generation so that counting one is a
// single compare-and-swap: a failure can not slip into a generation that began
// between the check of its token and the count, which two words would allow.
//
// Writers: in state Closed anybody may swap the failures; the generation and
// the state change only under Breaker.mu.
type word uint64

const (
	stateMask   word = 1<<2 - 1
	failureUnit word = 1 << 2
	// maxFailures is also the largest threshold. It leaves the generation 38
	// bits: at a thousand transitions a second they last for eight years, and a
	// token would have to be that old, to the transition, to be mistaken.
	maxFailures         = 1<<24 - 1
	failureMask    word = maxFailures * failureUnit
	generationUnit word = 1 << 26
)

// firstWord is Closed, generation 1. No generation is 0, so the zero Token
// belongs to none.
const firstWord = generationUnit

func (w word) state() State       { return State(w & stateMask) }
func (w word) failures() int      { return int(w & failureMask / failureUnit) }
func (w word) generation() uint64 { return uint64(w / generationUnit) }

// stamp is the word without its failures: what a token remembers of it.
func (w word) stamp() word { return w &^ failureMask }

// next begins a new generation.
func (w word) next(s State, failures int) word {
	generation := w &^ (generationUnit - 1)
	generation += generationUnit
	if generation == 0 {
		generation = generationUnit
	}
	return generation | word(min(failures, maxFailures))*failureUnit | word(s)
}

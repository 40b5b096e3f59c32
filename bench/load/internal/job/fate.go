package job

// Fate is what becomes of an arrival. Each has exactly one.
type Fate uint8

const (
	// Succeeded: it has its answer.
	Succeeded Fate = iota
	// Failed: its attempts are used up.
	Failed
	// Refused: the breaker was open.
	Refused
	// Shed: there was no room for it.
	Shed
	// Aborted: the run ended first.
	Aborted
	// Fates is how many there are.
	Fates int = iota
)

// String returns the name of f in lower case.
func (f Fate) String() string {
	return [...]string{"succeeded", "failed", "refused", "shed", "aborted"}[f]
}

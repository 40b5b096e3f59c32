package stages

import "fmt"

// BatchError is what the function of a MapBatch or ForEachBatch returns if some items of a
// batch have failed, and the others have not. It may be wrapped.
type BatchError struct {
	// Errs has the failures by the index of the item in the batch. An item that is not in it
	// is done. [ErrDrop] drops an item.
	Errs map[int]error
}

// Error says how many items have failed, and why the first one did.
func (e *BatchError) Error() string {
	i := e.first()
	switch {
	case i < 0:
		return "stages: a batch failed"
	case len(e.Errs) == 1:
		return fmt.Sprintf("stages: 1 item of a batch failed, at %d: %v", i, e.Errs[i])
	}
	return fmt.Sprintf("stages: %d items of a batch failed, the first at %d: %v", len(e.Errs), i, e.Errs[i])
}

// Unwrap returns the failure of the first item.
func (e *BatchError) Unwrap() error { return e.Errs[e.first()] }

// first returns the lowest index of an item that has failed, -1 for none.
func (e *BatchError) first() int {
	at := -1
	for i := range e.Errs {
		if at < 0 || i < at {
			at = i
		}
	}
	return at
}

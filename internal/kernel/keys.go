package kernel

import "github.com/weir-go/weir/internal/handoff"

// Keys numbers the keys of items.
//
// Owner: the goroutine of the stage.
type Keys interface {
	// Of returns the number of the key of the item at place i of b. Equal keys have the same
	// number. Of calls user code.
	Of(b *handoff.Batch, i int) (key int32, err error)
	// Forget frees a number for another key.
	Forget(key int32)
}

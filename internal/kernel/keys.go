package kernel

import "github.com/weir-go/weir/internal/handoff"

// Keys numbers the keys of items.
//
// Owner: the goroutine of the stage.
type Keys interface {
	// Of returns the number of the key of the item at place i of b. Equal keys have one
	// number. It calls user code.
	Of(b *handoff.Batch, i int) (key int32, err error)
	// Forget makes a number free for another key.
	Forget(key int32)
}

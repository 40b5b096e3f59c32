package store_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/weir-go/weir/primitives/outcome"
	"github.com/weir-go/weir/primitives/store"
)

func ExampleError_Error() {
	err := &store.Error{Op: "load", Key: "votes/a", Err: errors.New("connection refused")}
	fmt.Println(err.Error())
	// Output: store: load "votes/a": connection refused
}

func ExampleError_Unwrap() {
	err := &store.Error{Op: "compare and set", Key: "k", Err: store.ErrConflict}
	fmt.Println(err.Unwrap() == store.ErrConflict)
	// Output: true
}

func ExampleHeldError_Error() {
	err := &store.HeldError{Key: "probe", Owner: "node-1", Left: 3 * time.Second}
	fmt.Println(err.Error())
	err.Owner = "" // not known
	fmt.Println(err.Error())
	// Output:
	// store: lease is held: "probe" by "node-1" for another 3s
	// store: lease is held: "probe" for another 3s
}

func ExampleHeldError_Is() {
	fmt.Println(errors.Is(&store.HeldError{Key: "probe"}, store.ErrHeld))
	// Output: true
}

// The error tells a retrier when to come back. To a breaker it is no failure.
func ExampleHeldError_Outcome() {
	o := (&store.HeldError{Key: "probe", Left: 3 * time.Second}).Outcome()
	fmt.Println(o.Kind == outcome.Ignored, o.After)
	// Output: true 3s
}

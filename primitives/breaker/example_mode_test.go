package breaker_test

import (
	"context"
	"fmt"
	"time"

	"github.com/weir-go/weir/primitives/breaker"
)

// A breaker is tried out: it says what it would do, and does nothing.
func ExampleStart() {
	b, _ := breaker.New(breaker.Consecutive("model", 2, time.Minute,
		breaker.Start(breaker.Shadow),
		breaker.OnChange(func(c breaker.Change) { fmt.Printf("would be %v (%v)\n", c.To, c.Mode) })))
	calls(b, 2, down)
	fmt.Println(b.Do(context.Background(), answer))
	fmt.Println("would have rejected", b.Snapshot().Rejected)
	// Output:
	// would be open (shadow)
	// 42 <nil>
	// would have rejected 1
}

func ExampleBreaker_SetMode() {
	b := example()
	b.SetMode(breaker.ForcedOpen)
	_, err := b.Do(context.Background(), answer)
	fmt.Println(err)
	b.SetMode(breaker.Disabled)
	calls(b, 100, down)
	fmt.Println(b.Do(context.Background(), answer))
	// Output:
	// breaker: open: "model" is forced open
	// 42 <nil>
}

func ExampleMode_String() {
	fmt.Println(breaker.Active, breaker.Shadow, breaker.Disabled, breaker.ForcedOpen)
	// Output: active shadow disabled forced open
}

package operator_test

import (
	"fmt"
	"time"

	"github.com/weir-go/weir/primitives/limiter"
	"github.com/weir-go/weir/stages/operator"
)

func ExampleThrottle() {
	begun := time.Now()
	show([]string{"a", "b", "c"}, operator.Throttle[string](limiter.Every(10*time.Millisecond), nil))
	fmt.Println(time.Since(begun) >= 20*time.Millisecond)
	// Output:
	// a
	// b
	// c
	// true
}

func ExampleDebounce() {
	show([]string{"d", "dr", "dra", "draft"}, operator.Debounce[string](time.Minute))
	// Output: draft
}

func ExampleDelay() {
	begun := time.Now()
	show([]string{"a", "b"}, operator.Delay[string](20*time.Millisecond))
	fmt.Println(time.Since(begun) >= 20*time.Millisecond)
	// Output:
	// a
	// b
	// true
}

package limiter_test

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/weir-go/weir/primitives/limiter"
)

func ExampleLimiter_Enlist() {
	l := limiter.Of(limiter.Every(10 * time.Millisecond))
	var wg sync.WaitGroup
	for call := 1; call <= 3; call++ {
		wg.Add(1)
		goOn := func(err error) { fmt.Println("call", call, "goes on:", err); wg.Done() }
		place, err := l.Enlist(context.Background(), 1, goOn)
		if !place.Waits() {
			goOn(err)
		}
	}
	wg.Wait()
	// Output:
	// call 1 goes on: <nil>
	// call 2 goes on: <nil>
	// call 3 goes on: <nil>
}

func ExamplePlace_Leave() {
	l := limiter.Of(limiter.Every(time.Hour))
	_ = l.Try(1)
	place, _ := l.Enlist(context.Background(), 1, func(error) { fmt.Println("never called") })
	fmt.Println(place.Leave(), place.Leave())
	// Output: true false
}

func ExamplePlace_Waits() {
	l := limiter.Of(limiter.Every(time.Hour))
	first, _ := l.Enlist(context.Background(), 1, func(error) {})
	second, _ := l.Enlist(context.Background(), 1, func(error) {})
	fmt.Println(first.Waits(), second.Waits())
	second.Leave()
	// Output: false true
}

package guard_test

import (
	"context"
	"fmt"

	"github.com/weir-go/weir/primitives/guard"
)

func ExampleGuard_Enlist() {
	g := guard.Of(guard.Limit(1))
	ctx := context.Background()
	for call := 1; call <= 2; call++ {
		permit, place, err := g.Enlist(ctx, func(p guard.Permit, err error) {
			fmt.Println("call", call, "has waited and goes on:", err == nil)
			p.Release()
		})
		if place.Waits() {
			fmt.Println("call", call, "waits")
			continue
		}
		fmt.Println("call", call, "goes on at once:", err == nil)
		defer permit.Release()
	}
	// Output:
	// call 1 goes on at once: true
	// call 2 waits
	// call 2 has waited and goes on: true
}

func ExamplePlace_Leave() {
	g := guard.Of(guard.Limit(1))
	permit, _ := g.TryAcquire()
	_, place, _ := g.Enlist(context.Background(), func(guard.Permit, error) { fmt.Println("never called") })
	fmt.Println(place.Leave(), place.Leave())
	permit.Release()
	// Output: true false
}

func ExamplePlace_Waits() {
	g := guard.Of(guard.Limit(1))
	then := func(guard.Permit, error) {}
	_, first, _ := g.Enlist(context.Background(), then)
	_, second, _ := g.Enlist(context.Background(), then)
	fmt.Println(first.Waits(), second.Waits())
	// Output: false true
}

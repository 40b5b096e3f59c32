package fleet_test

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/weir-go/weir/primitives/store"
	"github.com/weir-go/weir/primitives/store/fleet"
)

// Two processes share 100 calls a second. Each gets half of them.
func ExampleNewLimiter() {
	shared := store.NewMemory() // in production a store in a server
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	node := func(name string) *fleet.Limiter {
		l, err := fleet.NewLimiter(shared, "api", 100, 10, fleet.Node(name), fleet.Term(time.Second))
		if err != nil {
			panic(err)
		}
		running.Go(func() { _ = l.Run(ctx) })
		return l
	}
	a, b := node("a"), node("b")
	for a.Snapshot().Shares != 16 || b.Snapshot().Shares != 16 {
		time.Sleep(10 * time.Millisecond)
	}
	s := a.Snapshot()
	fmt.Printf("%d of %d shares, %.0f a second\n", s.Shares, s.Of, s.Limiter.Rate)
	l, _ := a.Limiter() // for calls, or for a RateLimit layer, which takes a itself
	fmt.Println(l.Wait(ctx, 1))
	cancel()
	running.Wait()
	// Output:
	// 16 of 32 shares, 50 a second
	// <nil>
}

package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/dedup"
	"github.com/weir-go/weir/primitives/store"
	"github.com/weir-go/weir/primitives/store/fleet"
	"github.com/weir-go/weir/primitives/store/storetest"
)

func ExampleNode() {
	node, err := fleet.NewBreaker(store.NewMemory(), breaker.Consecutive("model", 5, time.Second), fleet.Node("10.0.0.7"))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(node.Snapshot().Node)
	// Output: 10.0.0.7
}

// A store that hangs delays the work by no more than this, and only once.
func ExampleTimeout() {
	way := storetest.NewFaulty(store.NewMemory())
	way.Script(func(storetest.Call) storetest.Fault { return storetest.Fault{Delay: time.Hour} })
	d, err := fleet.NewDedup(way, dedup.Window(time.Minute, dedup.Name("n")), fleet.Codec[string, int]{},
		fleet.Timeout(5*time.Millisecond))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(d.Do(context.Background(), "k", func(context.Context) (int, error) { return 1, nil }))
	fmt.Println(d.Snapshot().Degraded)
	// Output:
	// 1 <nil>
	// true
}

// It bounds the delay of news from a store that cannot push.
func ExampleEvery() {
	shared := mute{store.NewMemory()}
	_, first, stopFirst := start(shared, fleet.Every(10*time.Millisecond))
	defer stopFirst()
	_, second, stopSecond := start(shared, fleet.Every(10*time.Millisecond))
	defer stopSecond()
	first.RecordFailure()
	first.RecordFailure()
	until(func() bool { return second.State() != breaker.Closed })
	fmt.Println("asked, and told")
	// Output: asked, and told
}

// A node that has claimed work and died keeps it for no longer than this.
func ExampleClaim() {
	shared := store.NewMemory()
	policy := dedup.Window(time.Minute, dedup.Name("n"))
	opts := []fleet.Option{fleet.Claim(100 * time.Millisecond), fleet.Timeout(40 * time.Millisecond)}
	way := storetest.NewFaulty(shared)
	dying, _ := fleet.NewDedup(way, policy, fleet.Codec[string, int]{}, opts...)
	heir, err := fleet.NewDedup(shared, policy, fleet.Codec[string, int]{}, opts...)
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	begun, left := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(left)
		_, _ = dying.Do(ctx, "k", func(ctx context.Context) (int, error) {
			way.Fail(errors.New("connection refused"))
			close(begun)
			<-ctx.Done()
			return 0, ctx.Err()
		})
	}()
	<-begun
	fmt.Println(heir.Do(context.Background(), "k", func(context.Context) (int, error) { return 2, nil }))
	cancel()
	<-left
	// Output: 2 <nil>
}

func ExampleWait() {
	shared := store.NewMemory()
	policy := dedup.Window(time.Minute, dedup.Name("n"))
	first, _ := fleet.NewDedup(shared, policy, fleet.Codec[string, int]{}, fleet.Timeout(time.Second))
	second, err := fleet.NewDedup(shared, policy, fleet.Codec[string, int]{},
		fleet.Timeout(time.Second), fleet.Strict(), fleet.Wait(time.Millisecond))
	if err != nil {
		fmt.Println(err)
		return
	}
	_, _ = first.Do(context.Background(), "k", func(ctx context.Context) (int, error) {
		_, err := second.Do(ctx, "k", func(context.Context) (int, error) { return 2, nil })
		fmt.Println(err)
		return 1, nil
	})
	// Output: fleet "n": waited too long for another node
}

package redisio_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/primitives/store"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/redisio"
	"github.com/weir-go/weir/stages/sink"
)

// A worker of a consumer group. An entry that fails comes again, and is put aside at its fifth
// delivery.
func ExampleStream_Source() {
	var client *redis.Client // the caller's
	var bill func(context.Context, redis.XMessage) (redis.XMessage, error)

	s := redisio.NewStream(client, "orders", "billing")
	worker := func(ctx context.Context) error {
		_, err := flow.From(s.Source()).
			Map("bill", bill, stages.Workers(16)).
			HandBack(30*time.Second, stages.MaxDeliveries(5)).
			DeadLetter(s.DeadLetter).
			To(sink.ForEach(func(context.Context, redis.XMessage) error { return nil })).
			Run(ctx, flow.StopOnSignal(), flow.DrainTimeout(20*time.Second))
		return err
	}
	_ = worker
}

// Entries are added in batches. miniredis stands for a server here.
func ExampleAppend() {
	server, err := miniredis.Run()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()
	client := redis.NewClient(&redis.Options{Addr: server.Addr()})
	defer client.Close()

	write := redisio.Append(client, "orders", 1_000_000, func(id int) (any, error) {
		if id == 2 {
			return nil, fmt.Errorf("order %d is odd", id)
		}
		return map[string]any{"id": id}, nil
	})
	ctx := context.Background()
	fmt.Println(write(ctx, []int{1, 2, 3}))
	fmt.Println(client.XLen(ctx, "orders").Val())
	// Output:
	// stages: 1 item of a batch failed, at 1: order 2 is odd
	// 2
}

// State that processes share, such as that of a breaker.
func ExampleNewStore() {
	server, err := miniredis.Run()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()
	client := redis.NewClient(&redis.Options{Addr: server.Addr()})
	defer client.Close()

	ctx := context.Background()
	s := redisio.NewStore(client, "fleet")
	_, err = store.Acquire(ctx, s, "leader", "a", time.Minute)
	fmt.Println(err)
	_, err = store.Acquire(ctx, s, "leader", "b", time.Minute)
	fmt.Println(errors.Is(err, store.ErrHeld))
	// Output:
	// <nil>
	// true
}

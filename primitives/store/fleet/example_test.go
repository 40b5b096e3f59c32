package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/dedup"
	"github.com/weir-go/weir/primitives/store"
	"github.com/weir-go/weir/primitives/store/fleet"
	"github.com/weir-go/weir/primitives/store/storetest"
)

// start makes a node of a fleet, runs it, and returns what ends it. Its breaker
// stays open for longer than an example takes.
func start(s store.Store, opts ...fleet.Option) (node *fleet.Breaker, local *breaker.Breaker, stop func()) {
	return startWith(s, breaker.Consecutive("model", 2, time.Hour), opts...)
}

func startWith(s store.Store, p breaker.Policy, opts ...fleet.Option) (node *fleet.Breaker, local *breaker.Breaker, stop func()) {
	node, err := fleet.NewBreaker(s, p, opts...)
	if err != nil {
		panic(err)
	}
	local, _ = node.Breaker()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = node.Run(ctx) })
	for !node.Snapshot().Running {
		time.Sleep(time.Millisecond)
	}
	return node, local, func() { cancel(); running.Wait() }
}

// until waits for what another goroutine brings about.
func until(done func() bool) {
	for !done() {
		time.Sleep(time.Millisecond)
	}
}

func Example() {
	shared := store.NewMemory() // one that other processes reach, in production
	_, first, stopFirst := start(shared)
	defer stopFirst()
	_, second, stopSecond := start(shared)
	defer stopSecond()

	first.RecordFailure()
	first.RecordFailure() // the second in a row opens it
	until(func() bool { return second.State() == breaker.Open })
	fmt.Println("the second node knows")
	// Output: the second node knows
}

func ExampleNewBreaker() {
	policy := breaker.Consecutive("model", 5, 10*time.Second)
	node, err := fleet.NewBreaker(store.NewMemory(), policy, fleet.Quorum(2), fleet.ProbeOnce(5*time.Second))
	if err != nil {
		fmt.Println(err)
		return
	}
	local, _ := node.Breaker()
	answer, err := local.Do(context.Background(), func(context.Context) (string, error) { return "42", nil })
	fmt.Println(answer, err)
	// Output: 42 <nil>
}

func ExampleBreaker_Breaker() {
	node, local, stop := start(store.NewMemory())
	defer stop()
	again, err := node.Breaker()
	fmt.Println(again == local, err, local.State())
	// Output: true <nil> closed
}

func ExampleBreaker_Run() {
	node, err := fleet.NewBreaker(store.NewMemory(), breaker.Consecutive("model", 5, time.Second))
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	fmt.Println(node.Run(ctx))
	// Output: <nil>
}

func ExampleBreaker_Snapshot() {
	node, local, stop := start(store.NewMemory(), fleet.Node("10.0.0.7"))
	defer stop()
	local.RecordFailure()
	local.RecordFailure()
	until(func() bool { return node.Snapshot().Down })
	s := node.Snapshot()
	fmt.Println(s.Name, s.Node, s.Votes, "of", s.Quorum)
	// Output: model 10.0.0.7 1 of 1
}

func ExampleAnyNode() {
	node, _, stop := start(store.NewMemory(), fleet.AnyNode())
	defer stop()
	fmt.Println(node.Snapshot().Quorum)
	// Output: 1
}

func ExampleQuorum() {
	shared := store.NewMemory()
	node, sick, stopSick := start(shared, fleet.Quorum(2))
	defer stopSick()
	_, healthy, stopHealthy := start(shared, fleet.Quorum(2))
	defer stopHealthy()

	sick.RecordFailure()
	sick.RecordFailure()
	until(func() bool { return node.Snapshot().Votes == 1 })
	fmt.Println(healthy.State())
	// Output: closed
}

func ExampleProbeOnce() {
	shared := store.NewMemory()
	opts := []fleet.Option{fleet.ProbeOnce(time.Minute), fleet.Timeout(5 * time.Millisecond)}
	policy := breaker.Consecutive("model", 2, 50*time.Millisecond)
	_, first, stopFirst := startWith(shared, policy, opts...)
	defer stopFirst()
	_, second, stopSecond := startWith(shared, policy, opts...)
	defer stopSecond()

	first.RecordFailure()
	first.RecordFailure()
	until(func() bool { return second.State() == breaker.HalfOpen })

	// The first to ask probes for both.
	until(func() bool {
		_, err := first.Do(context.Background(), func(context.Context) (string, error) { return "42", nil })
		return err == nil
	})
	until(func() bool { return second.State() == breaker.Closed })
	fmt.Println(first.State(), second.State())
	// Output: closed closed
}

func ExampleLocal() {
	node, local, stop := start(store.NewMemory(), fleet.Local())
	defer stop()
	local.Trip()
	fmt.Println(local.State(), node.Snapshot().Down)
	// Output: open false
}

func ExampleOnEvent() {
	way := storetest.NewFaulty(store.NewMemory())
	way.Fail(errors.New("connection refused"))
	told := make(chan fleet.Event, 2)
	_, _, stop := start(way,
		fleet.Every(10*time.Millisecond),
		fleet.OnEvent(func(e fleet.Event) { told <- e }))
	defer stop()
	e := <-told
	fmt.Println(e.Name, e.Kind, e.Err)
	way.Fail(nil)
	e = <-told
	fmt.Println(e.Name, e.Kind)
	// Output:
	// model degraded connection refused
	// model recovered
}

func ExampleEventKind_String() {
	fmt.Println(fleet.Degraded.String(), fleet.Recovered.String())
	// Output: degraded recovered
}

func ExamplePolicyError() {
	_, err := fleet.NewBreaker(store.NewMemory(), breaker.Consecutive("model", 5, time.Second),
		fleet.Every(0), fleet.Timeout(-1), fleet.Node(""))
	fmt.Println(err, errors.Is(err, fleet.ErrPolicy))
	// Output:
	// fleet "model": invalid policy: the node's name is empty; timeout -1ns is not positive; every 0s is not positive true
}

func ExampleNewDedup() {
	shared := store.NewMemory()
	policy := dedup.Window(time.Minute, dedup.Name("answers"))
	for _, node := range []string{"a", "b"} { // in production, each in its process
		d, err := fleet.NewDedup(shared, policy, fleet.Codec[string, string]{},
			fleet.Node(node), fleet.Timeout(time.Second))
		if err != nil {
			fmt.Println(err)
			return
		}
		answer, err := d.Do(context.Background(), "question", func(context.Context) (string, error) {
			return "worked out by " + node, nil
		})
		fmt.Println(node+":", answer, err)
	}
	// Output:
	// a: worked out by a <nil>
	// b: worked out by a <nil>
}

func ExampleDedup_Do() {
	type user struct {
		ID   int
		Name string
	}
	codec := fleet.Codec[int, user]{Key: func(id int) string { return fmt.Sprintf("user-%d", id) }}
	d, err := fleet.NewDedup(store.NewMemory(), dedup.Window(time.Minute, dedup.Name("users")), codec)
	if err != nil {
		fmt.Println(err)
		return
	}
	for range 2 {
		u, err := d.Do(context.Background(), 7, func(context.Context) (user, error) {
			fmt.Println("looking it up")
			return user{7, "Ada"}, nil
		})
		fmt.Println(u.Name, err)
	}
	// Output:
	// looking it up
	// Ada <nil>
	// Ada <nil>
}

// Of all processes one sends the mail.
func ExampleDedup_Run() {
	codec := fleet.Codec[string, struct{}]{}
	d, err := fleet.NewDedup(store.NewMemory(), dedup.Window(time.Minute, dedup.Name("mails")), codec)
	if err != nil {
		fmt.Println(err)
		return
	}
	for range 2 {
		err := d.Run(context.Background(), "welcome to ada@example.org", func(context.Context) error {
			fmt.Println("sent")
			return nil
		})
		fmt.Println(err)
	}
	// Output:
	// sent
	// <nil>
	// <nil>
}

func ExampleDedup_Snapshot() {
	d, err := fleet.NewDedup(store.NewMemory(), dedup.Window(time.Minute, dedup.Name("n")), fleet.Codec[string, int]{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for range 3 {
		_, _ = d.Do(context.Background(), "k", func(context.Context) (int, error) { return 1, nil })
	}
	s := d.Snapshot()
	fmt.Println(s.Runs, "run,", s.Local.Hits, "hits")
	// Output: 1 run, 2 hits
}

func ExampleStrict() {
	way := storetest.NewFaulty(store.NewMemory())
	way.Fail(errors.New("connection refused"))
	d, err := fleet.NewDedup(way, dedup.Window(time.Hour, dedup.Name("payments")), fleet.Codec[string, string]{},
		fleet.Strict(), fleet.Claim(10*time.Second), fleet.Wait(time.Minute))
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = d.Do(context.Background(), "order-17", func(context.Context) (string, error) {
		return "paid", nil
	})
	fmt.Println(err, errors.Is(err, fleet.ErrStore))
	// Output: fleet "payments": store is down; connection refused true
}

package store_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/weir-go/weir/primitives/store"
)

func ExampleNewMemory() {
	ctx := context.Background()
	m := store.NewMemory()
	first, err := m.CompareAndSet(ctx, "leader", 0, []byte("a"), time.Minute)
	fmt.Println(first, err)
	_, err = m.CompareAndSet(ctx, "leader", 0, []byte("b"), time.Minute) // there is one
	fmt.Println(err)
	// Output:
	// 1 <nil>
	// store: compare and set "leader": conflict
}

func ExampleMemory_Load() {
	ctx := context.Background()
	m := store.NewMemory()
	nothing, _ := m.Load(ctx, "leader")
	fmt.Println(nothing.Revision)
	_, _ = m.CompareAndSet(ctx, "leader", nothing.Revision, []byte("a"), time.Minute)
	e, _ := m.Load(ctx, "leader")
	fmt.Println(e.Revision, string(e.Value), e.Age < time.Minute)
	// Output:
	// 0
	// 1 a true
}

func ExampleMemory_List() {
	ctx := context.Background()
	m := store.NewMemory()
	for _, node := range []string{"a", "b"} {
		_, _ = m.CompareAndSet(ctx, store.Key("votes", node), 0, []byte("open"), time.Minute)
	}
	votes, _ := m.List(ctx, "votes/")
	fmt.Println(len(votes))
	// Output: 2
}

// A write is tried again, with a fresh look, until no other write came between.
func ExampleMemory_CompareAndSet() {
	ctx := context.Background()
	m := store.NewMemory()
	for {
		e, _ := m.Load(ctx, "n")
		_, err := m.CompareAndSet(ctx, "n", e.Revision, append(e.Value, '+'), time.Minute)
		if errors.Is(err, store.ErrConflict) {
			continue
		}
		fmt.Println(err)
		break
	}
	// Output: <nil>
}

func ExampleMemory_Watch() {
	ctx := context.Background()
	m := store.NewMemory()
	for e, err := range m.Watch(ctx, "votes/") {
		if err != nil {
			fmt.Println(err)
		}
		if e.Lost { // list what is there; then go on
			fmt.Println("begun")
			_, _ = m.CompareAndSet(ctx, "votes/a", 0, []byte("open"), time.Minute)
			continue
		}
		fmt.Println(e.Entry.Key, string(e.Entry.Value))
		break
	}
	// Output:
	// begun
	// votes/a open
}

func ExampleAcquire() {
	ctx := context.Background()
	m := store.NewMemory()
	l, err := store.Acquire(ctx, m, "probe", "node-1", time.Minute)
	fmt.Println(l.Left() > 0, err)
	_, err = store.Acquire(ctx, m, "probe", "node-2", time.Minute)
	held, _ := errors.AsType[*store.HeldError](err)
	fmt.Println(held.Owner, errors.Is(err, store.ErrHeld))
	// Output:
	// true <nil>
	// node-1 true
}

func ExampleLease_Renew() {
	ctx := context.Background()
	l, _ := store.Acquire(ctx, store.NewMemory(), "probe", "node-1", time.Minute)
	fmt.Println(l.Renew(ctx))
	// Output: <nil>
}

func ExampleLease_Release() {
	ctx := context.Background()
	m := store.NewMemory()
	l, _ := store.Acquire(ctx, m, "probe", "node-1", time.Minute)
	fmt.Println(l.Release(ctx))
	_, err := store.Acquire(ctx, m, "probe", "node-2", time.Minute)
	fmt.Println(err)
	fmt.Println(l.Renew(ctx))
	// Output:
	// <nil>
	// <nil>
	// store: renew "probe": lease is lost
}

func ExampleLease_Left() {
	ctx := context.Background()
	l, _ := store.Acquire(ctx, store.NewMemory(), "probe", "node-1", time.Minute)
	fmt.Println(l.Left().Round(time.Minute))
	// Output: 1m0s
}

// A resource that is protected by a lease can refuse earlier holders.
func ExampleLease_Revision() {
	ctx := context.Background()
	m := store.NewMemory()
	first, _ := store.Acquire(ctx, m, "probe", "node-1", time.Minute)
	_ = first.Release(ctx)
	second, _ := store.Acquire(ctx, m, "probe", "node-2", time.Minute)
	fmt.Println(second.Revision() > first.Revision())
	// Output: true
}

func ExampleKey() {
	fmt.Println(store.Key("breaker", "gpt-4 (eu)", "vote", "10.0.0.1"))
	// Output: breaker/gpt-4=20=28eu=29/vote/10=2E0=2E0=2E1
}

func ExampleCheckKey() {
	fmt.Println(store.CheckKey("votes/a"))
	fmt.Println(store.CheckKey("votes of a"))
	// Output:
	// <nil>
	// store: check "votes of a": invalid key
}

func ExampleCheckFolder() {
	fmt.Println(store.CheckFolder("votes/"))
	fmt.Println(store.CheckFolder("votes"))
	// Output:
	// <nil>
	// store: check "votes": invalid key
}

func ExampleError() {
	_, err := store.NewMemory().CompareAndSet(context.Background(), "k", 0, nil, 0)
	e, _ := errors.AsType[*store.Error](err)
	fmt.Println(e.Op, e.Key, errors.Is(err, store.ErrTTL))
	fmt.Println(err)
	// Output:
	// compare and set k true
	// store: compare and set "k": ttl is not positive
}

func ExampleHeldError() {
	err := &store.HeldError{Key: "probe", Owner: "node-1", Left: 3 * time.Second}
	fmt.Println(err)
	fmt.Println(err.Outcome().Kind, err.Outcome().After)
	// Output:
	// store: lease is held: "probe" by "node-1" for another 3s
	// ignored 3s
}

package storetest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/weir-go/weir/primitives/store"
	"github.com/weir-go/weir/primitives/store/storetest"
)

// In a test file: func TestConformance(t *testing.T) { ... }
func ExampleRun() {
	_ = func(t *testing.T) {
		storetest.Run(t, func() []store.Store {
			return []store.Store{store.NewMemory()} // or two clients of one server
		})
	}
	// Output:
}

func ExampleVirtual() {
	_ = func(t *testing.T) {
		storetest.Run(t, func() []store.Store { return []store.Store{store.NewMemory()} }, storetest.Virtual())
	}
	// Output:
}

// A server whose ttls are whole seconds.
func ExampleUnit() {
	_ = func(t *testing.T) {
		storetest.Run(t, func() []store.Store { return []store.Store{store.NewMemory()} }, storetest.Unit(2*time.Second))
	}
	// Output:
}

// A server that can be flushed, restarted without its disk, or replaced.
func ExampleWiped() {
	_ = func(t *testing.T) {
		var server *store.Memory // a client of it, in production
		storetest.Run(t, func() []store.Store {
			server = store.NewMemory()
			return []store.Store{server}
		}, storetest.Wiped(func() { /* flush the server here */ }))
	}
	// Output:
}

func ExampleNewFaulty() {
	ctx := context.Background()
	f := storetest.NewFaulty(store.NewMemory())
	f.Script(func(c storetest.Call) storetest.Fault {
		if c.Op == storetest.CompareAndSet && c.N == 2 {
			return storetest.Fault{After: errors.New("connection reset")} // written, and the caller does not know
		}
		return storetest.Fault{}
	})
	first, err := f.CompareAndSet(ctx, "k", 0, []byte("one"), time.Minute)
	fmt.Println(err)
	_, err = f.CompareAndSet(ctx, "k", first, []byte("two"), time.Minute)
	fmt.Println(err)
	e, _ := f.Load(ctx, "k")
	fmt.Println(string(e.Value))
	// Output:
	// <nil>
	// connection reset
	// two
}

func ExampleFaulty_Script() {
	ctx := context.Background()
	f := storetest.NewFaulty(store.NewMemory())
	f.Script(func(c storetest.Call) storetest.Fault {
		return storetest.Fault{Delay: time.Hour} // hangs
	})
	ctx, cancel := context.WithTimeout(ctx, time.Millisecond)
	defer cancel()
	_, err := f.Load(ctx, "k")
	fmt.Println(err)
	// Output: context deadline exceeded
}

func ExampleFaulty_Fail() {
	ctx := context.Background()
	f := storetest.NewFaulty(store.NewMemory())
	f.Fail(errors.New("connection refused"))
	_, err := f.Load(ctx, "k")
	fmt.Println(err)
	f.Fail(nil)
	_, err = f.Load(ctx, "k")
	fmt.Println(err)
	// Output:
	// connection refused
	// <nil>
}

func ExampleFaulty_Calls() {
	ctx := context.Background()
	f := storetest.NewFaulty(store.NewMemory())
	_, _ = f.Load(ctx, "k")
	_, _ = f.Load(ctx, "k")
	_, _ = f.List(ctx, "")
	fmt.Println(f.Calls(), f.Calls(storetest.Load), f.Calls(storetest.CompareAndSet))
	// Output: 3 2 0
}

func ExampleFaulty_Load() {
	f := storetest.NewFaulty(store.NewMemory())
	e, err := f.Load(context.Background(), "k")
	fmt.Println(e.Revision, err)
	// Output: 0 <nil>
}

func ExampleFaulty_List() {
	f := storetest.NewFaulty(store.NewMemory())
	all, err := f.List(context.Background(), "")
	fmt.Println(len(all), err)
	// Output: 0 <nil>
}

func ExampleFaulty_CompareAndSet() {
	f := storetest.NewFaulty(store.NewMemory())
	revision, err := f.CompareAndSet(context.Background(), "k", 0, nil, time.Minute)
	fmt.Println(revision, err)
	// Output: 1 <nil>
}

func ExampleFaulty_Watch() {
	f := storetest.NewFaulty(store.NewMemory())
	for e, err := range f.Watch(context.Background(), "") {
		fmt.Println(e.Lost, err)
		break
	}
	// Output: true <nil>
}

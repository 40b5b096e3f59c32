package breaker_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/weir-go/weir/primitives/breaker"
)

// hosts keeps a breaker for each of up to a thousand hosts.
func hosts() *breaker.Registry[string] {
	r, err := breaker.NewRegistry[string](breaker.Consecutive("hosts", 2, time.Minute), 1000, time.Hour)
	if err != nil {
		panic(err)
	}
	return r
}

func ExampleNewRegistry() {
	_, err := breaker.NewRegistry[string](breaker.Consecutive("hosts", 2, time.Minute), 0, time.Hour)
	fmt.Println(err)
	// Output: breaker: invalid policy: "hosts": limit of the registry is 0, want at least 1
}

func ExampleRegistryOf() {
	r := breaker.RegistryOf[string](breaker.Consecutive("hosts", 2, time.Minute), 1000, time.Hour)
	fmt.Println(r.Do(context.Background(), "a.example", answer))
	// Output: 42 <nil>
}

func ExampleRegistry_Err() {
	r := breaker.RegistryOf[string](breaker.Consecutive("hosts", 2, time.Minute), 1000, 0)
	fmt.Println(r.Err())
	// Output: breaker: invalid policy: "hosts": idle time of the registry is 0s, want more than 0
}

func ExampleRegistry_Run() {
	err := hosts().Run(context.Background(), "a.example", func(context.Context) error { return errors.New("connection refused") })
	fmt.Println(err)
	// Output: connection refused
}

func ExampleKeyError() {
	r := breaker.RegistryOf[float64](breaker.Consecutive("hosts", 2, time.Minute), 1000, time.Hour)
	_, err := r.Do(context.Background(), math.NaN(), answer)
	if key, ok := errors.AsType[*breaker.KeyError](err); ok {
		fmt.Println(key.Name, key.Err)
	}
	// Output: hosts a value of type float64 is not equal to itself
}

func ExampleKeyError_Error() {
	err := &breaker.KeyError{Name: "hosts", Err: errors.New("a value of type []int cannot be hashed")}
	fmt.Println(err.Error())
	// Output: breaker: invalid key: "hosts": a value of type []int cannot be hashed
}

func ExampleKeyError_Is() {
	fmt.Println(errors.Is(&breaker.KeyError{}, breaker.ErrKey))
	// Output: true
}

func ExampleKeyError_Unwrap() {
	err := &breaker.KeyError{Name: "hosts", Err: errors.New("a value of type []int cannot be hashed")}
	fmt.Println(err.Unwrap())
	// Output: a value of type []int cannot be hashed
}

func ExampleKeyError_Outcome() {
	fmt.Println((&breaker.KeyError{}).Outcome().Kind)
	// Output: permanent
}

func ExampleRegistry_Do() {
	ctx := context.Background()
	r := hosts()
	for range 3 {
		_, err := r.Do(ctx, "a.example", down)
		if open, ok := errors.AsType[*breaker.OpenError](err); ok {
			fmt.Println(open.Name, "is", open.State)
			continue
		}
		fmt.Println(err)
	}
	fmt.Println(r.Do(ctx, "b.example", answer))
	// Output:
	// connection refused
	// connection refused
	// hosts/a.example is open
	// 42 <nil>
}

func ExampleRegistry_Pin() {
	r := hosts()
	pin := r.Pin("a.example")
	defer pin.Release()
	pin.Breaker.SetMode(breaker.ForcedOpen)
	_, err := r.Do(context.Background(), "a.example", answer)
	fmt.Println(err)
	// Output: breaker: open: "hosts/a.example" is forced open
}

func ExamplePin_Release() {
	r := hosts()
	pin := r.Pin("a.example")
	fmt.Println(r.Snapshot().Pinned)
	pin.Release()
	fmt.Println(r.Snapshot().Pinned)
	// Output:
	// 1
	// 0
}

func ExampleRegistry_Snapshot() {
	r := hosts()
	for range 4 {
		_, _ = r.Do(context.Background(), "a.example", down)
	}
	_, _ = r.Do(context.Background(), "b.example", answer)
	s := r.Snapshot()
	fmt.Printf("%s: %d breakers, %d open, %d calls rejected\n", s.Name, s.Kept, s.Open, s.Rejected)
	// Output: hosts: 2 breakers, 1 open, 2 calls rejected
}

func ExampleRegistry_All() {
	r := hosts()
	_, _ = r.Do(context.Background(), "a.example", down)
	for host, s := range r.All() {
		fmt.Println(host, s.State, s.Failures)
	}
	// Output: a.example closed 1
}

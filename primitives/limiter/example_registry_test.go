package limiter_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/weir-go/weir/primitives/limiter"
)

// clients lets each of up to a thousand clients have two calls an hour.
func clients() *limiter.Registry[string] {
	p := limiter.Every(30*time.Minute, limiter.Burst(2), limiter.Name("clients"))
	return limiter.RegistryOf[string](p, 1000, time.Hour)
}

// Only the client that calls too often is told to come again later.
func ExampleRegistry() {
	r := clients()
	for _, client := range []string{"a", "a", "a", "b"} {
		pin := r.Pin(client)
		err := pin.Limiter.Try(1)
		pin.Release()
		if early, ok := errors.AsType[*limiter.LimitError](err); ok {
			fmt.Println(client, "comes again in", early.After.Round(time.Minute))
			continue
		}
		fmt.Println(client, "is admitted")
	}
	// Output:
	// a is admitted
	// a is admitted
	// a comes again in 30m0s
	// b is admitted
}

func ExampleNewRegistry() {
	_, err := limiter.NewRegistry[string](limiter.PerSecond(1, limiter.Name("clients")), 0, time.Hour)
	fmt.Println(err)
	// Output: limiter "clients": invalid policy: limit of the registry 0 is below 1
}

func ExampleRegistryOf() {
	r := limiter.RegistryOf[string](limiter.PerSecond(1), 1000, time.Hour)
	fmt.Println(r.Err())
	// Output: <nil>
}

func ExampleRegistry_Err() {
	r := limiter.RegistryOf[string](limiter.PerSecond(0), 1000, time.Hour)
	fmt.Println(r.Err())
	// Output: limiter: invalid policy: rate 0 per second is out of range
}

func ExampleRegistry_Do() {
	v, err := clients().Do(context.Background(), "a", 1, func(context.Context) (int, error) { return 42, nil })
	fmt.Println(v, err)
	// Output: 42 <nil>
}

func ExampleRegistry_Run() {
	err := clients().Run(context.Background(), "a", 1, func(context.Context) error { return errors.New("503") })
	fmt.Println(err)
	// Output: 503
}

// A client that has paid for more.
func ExampleRegistry_Pin() {
	r := clients()
	pin := r.Pin("a")
	defer pin.Release()
	_ = pin.Limiter.Set(limiter.PerSecond(100, limiter.Name("gold")))
	fmt.Println(pin.Limiter.Snapshot().Rate)
	// Output: 100
}

func ExamplePin_Release() {
	r := clients()
	pin := r.Pin("a")
	fmt.Println(r.Snapshot().Pinned)
	pin.Release()
	fmt.Println(r.Snapshot().Pinned)
	// Output:
	// 1
	// 0
}

func ExampleRegistry_Snapshot() {
	r := clients()
	for _, client := range []string{"a", "b", "a"} {
		_ = r.Run(context.Background(), client, 1, func(context.Context) error { return nil })
	}
	s := r.Snapshot()
	fmt.Printf("%s: %d limiters, %d calls admitted\n", s.Name, s.Kept, s.Admitted)
	// Output: clients: 2 limiters, 3 calls admitted
}

func ExampleRegistry_All() {
	r := clients()
	_ = r.Run(context.Background(), "a", 1, func(context.Context) error { return nil })
	for client, s := range r.All() {
		fmt.Println(client, s.Available)
	}
	// Output: a 1
}

func ExampleLimiter_Run() {
	l := limiter.Of(limiter.PerSecond(1))
	err := l.Run(context.Background(), 1, func(context.Context) error { return errors.New("503") })
	fmt.Println(err)
	// Output: 503
}

func ExampleKeyError() {
	r := limiter.RegistryOf[float64](limiter.PerSecond(1, limiter.Name("clients")), 1000, time.Hour)
	err := r.Run(context.Background(), math.NaN(), 1, func(context.Context) error { return nil })
	if key, ok := errors.AsType[*limiter.KeyError](err); ok {
		fmt.Println(key.Name, "-", key.Err)
	}
	// Output: clients - a value of type float64 is not equal to itself
}

func ExampleKeyError_Error() {
	fmt.Println(&limiter.KeyError{Name: "clients", Err: errors.New("a value of type []int cannot be hashed")})
	// Output: limiter "clients": invalid key: a value of type []int cannot be hashed
}

func ExampleKeyError_Unwrap() {
	fmt.Println(errors.Is(&limiter.KeyError{}, limiter.ErrKey))
	// Output: true
}

func ExampleKeyError_Outcome() {
	fmt.Println((&limiter.KeyError{}).Outcome().Kind)
	// Output: ignored
}

package guard_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/weir-go/weir/primitives/guard"
)

// tenants lets each of up to a thousand tenants have one call in flight.
func tenants() *guard.Registry[string] {
	return guard.RegistryOf[string](guard.Limit(1, guard.Name("tenants"), guard.Shedding()), 1000, time.Hour)
}

// Only the tenant that is busy is turned away.
func ExampleRegistry() {
	ctx, r := context.Background(), tenants()
	err := r.Run(ctx, "a", func(ctx context.Context) error {
		fmt.Println(r.Run(ctx, "a", func(context.Context) error { return nil }))
		return r.Run(ctx, "b", func(context.Context) error { return nil })
	})
	fmt.Println(err)
	// Output:
	// guard "tenants/a": shed, 1 of 1 in flight
	// <nil>
}

func ExampleNewRegistry() {
	_, err := guard.NewRegistry[string](guard.Limit(1, guard.Name("tenants")), 0, time.Hour)
	fmt.Println(err)
	// Output: guard "tenants": invalid policy: limit of the registry 0 is below 1
}

func ExampleRegistryOf() {
	r := guard.RegistryOf[string](guard.Limit(1), 1000, time.Hour)
	fmt.Println(r.Err())
	// Output: <nil>
}

func ExampleRegistry_Err() {
	r := guard.RegistryOf[string](guard.Limit(0), 1000, time.Hour)
	fmt.Println(r.Err())
	// Output: guard: invalid policy: capacity 0 is below 1
}

func ExampleRegistry_Do() {
	v, err := tenants().Do(context.Background(), "a", func(context.Context) (int, error) { return 42, nil })
	fmt.Println(v, err)
	// Output: 42 <nil>
}

func ExampleRegistry_Run() {
	err := tenants().Run(context.Background(), "a", func(context.Context) error { return errors.New("503") })
	fmt.Println(err)
	// Output: 503
}

// A tenant that has paid for more.
func ExampleRegistry_Pin() {
	r := tenants()
	pin := r.Pin("a")
	defer pin.Release()
	_ = pin.Guard.Resize(5)
	fmt.Println(pin.Guard.Snapshot().Name, pin.Guard.Capacity())
	// Output: tenants/a 5
}

func ExamplePin_Release() {
	r := tenants()
	pin := r.Pin("a")
	fmt.Println(r.Snapshot().Pinned)
	pin.Release()
	fmt.Println(r.Snapshot().Pinned)
	// Output:
	// 1
	// 0
}

func ExampleRegistry_Snapshot() {
	r := tenants()
	for _, tenant := range []string{"a", "b", "a"} {
		_ = r.Run(context.Background(), tenant, func(context.Context) error { return nil })
	}
	s := r.Snapshot()
	fmt.Printf("%s: %d guards, %d calls admitted\n", s.Name, s.Kept, s.Admitted)
	// Output: tenants: 2 guards, 3 calls admitted
}

func ExampleRegistry_All() {
	r := tenants()
	pin := r.Pin("a")
	_, _ = pin.Guard.TryAcquire()
	pin.Release()
	for tenant, s := range r.All() {
		fmt.Println(tenant, s.Depth)
	}
	// Output: a 1
}

func ExampleGuard_Run() {
	g := guard.Of(guard.Limit(1))
	err := g.Run(context.Background(), func(context.Context) error { return errors.New("503") })
	fmt.Println(err)
	// Output: 503
}

func ExampleKeyError() {
	r := guard.RegistryOf[float64](guard.Limit(1, guard.Name("tenants")), 1000, time.Hour)
	err := r.Run(context.Background(), math.NaN(), func(context.Context) error { return nil })
	if key, ok := errors.AsType[*guard.KeyError](err); ok {
		fmt.Println(key.Name, "-", key.Err)
	}
	// Output: tenants - a value of type float64 is not equal to itself
}

func ExampleKeyError_Error() {
	fmt.Println(&guard.KeyError{Name: "tenants", Err: errors.New("a value of type []int cannot be hashed")})
	// Output: guard "tenants": invalid key: a value of type []int cannot be hashed
}

func ExampleKeyError_Unwrap() {
	fmt.Println(errors.Is(&guard.KeyError{}, guard.ErrKey))
	// Output: true
}

func ExampleKeyError_Outcome() {
	fmt.Println((&guard.KeyError{}).Outcome().Kind)
	// Output: ignored
}

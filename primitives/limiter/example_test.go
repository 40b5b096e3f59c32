package limiter_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/weir-go/weir/primitives/limiter"
	"github.com/weir-go/weir/primitives/outcome"
)

// Ten calls a second, of which three may come at once.
func Example() {
	l, err := limiter.New(limiter.PerSecond(10, limiter.Burst(3)))
	if err != nil {
		fmt.Println(err)
		return
	}
	begun := time.Now()
	for range 5 {
		_ = l.Wait(context.Background(), 1)
	}
	fmt.Println("5 calls,", time.Since(begun) >= 200*time.Millisecond)
	// Output: 5 calls, true
}

func ExampleNew() {
	_, err := limiter.New(limiter.PerSecond(0, limiter.Name("api"), limiter.Burst(-1)))
	fmt.Println(err)
	// Output: limiter "api": invalid policy: rate 0 per second is out of range; burst -1 is below 1
}

func ExamplePerSecond() {
	l := limiter.Of(limiter.PerSecond(5000))
	fmt.Printf("%.0f a second, %d at once\n", l.Snapshot().Rate, l.Snapshot().Burst)
	// Output: 5000 a second, 50 at once
}

func ExampleEvery() {
	l := limiter.Of(limiter.Every(time.Minute / 600))
	fmt.Printf("%.0f a second, %d at once\n", l.Snapshot().Rate, l.Snapshot().Burst)
	// Output: 10 a second, 1 at once
}

func ExampleName() {
	l := limiter.Of(limiter.PerSecond(1, limiter.Name("api")))
	fmt.Println(l.Try(2))
	// Output: limiter "api": cost 2 is above the burst 1
}

// A burst as large as the most expensive call.
func ExampleBurst() {
	tokens := limiter.Of(limiter.PerSecond(1500, limiter.Burst(8000)))
	fmt.Println(tokens.Try(8000))
	fmt.Println(tokens.Try(8001))
	// Output:
	// <nil>
	// limiter: cost 8001 is above the burst 8000
}

func ExampleMaxPause() {
	l := limiter.Of(limiter.PerSecond(1, limiter.MaxPause(time.Minute)))
	l.Penalize(24 * time.Hour) // "your quota is used up until tomorrow"
	fmt.Println(l.Snapshot().Paused.Round(time.Minute))
	// Output: 1m0s
}

func ExampleAdaptive() {
	l := limiter.Of(limiter.PerSecond(100, limiter.Adaptive(10, time.Minute)))
	l.Penalize(0)
	l.Penalize(0) // the answer to a call that was under way at the same time
	fmt.Println(l.Snapshot().Rate)
	// Output: 50
}

func ExampleClassify() {
	busy := errors.New("503 slow down")
	l := limiter.Of(limiter.PerSecond(1, limiter.Classify(func(ctx context.Context, err error) outcome.Outcome {
		if errors.Is(err, busy) {
			return outcome.Outcome{Kind: outcome.Throttled, After: time.Minute}
		}
		return outcome.Classify(ctx, err)
	})))
	l.Record(context.Background(), busy)
	fmt.Println(l.Snapshot().Paused.Round(time.Minute))
	// Output: 1m0s
}

func ExamplePolicy_Validate() {
	fmt.Println(limiter.Every(time.Second, limiter.Burst(0)).Validate())
	// Output: limiter: invalid policy: burst 0 is below 1
}

func ExamplePolicy_Limiter() {
	var source limiter.Source = limiter.PerSecond(1)
	a, _ := source.Limiter()
	b, _ := source.Limiter()
	fmt.Println(a == b)
	// Output: false
}

func ExampleLimiter_Limiter() {
	shared := limiter.Of(limiter.PerSecond(1))
	var source limiter.Source = shared
	a, _ := source.Limiter()
	b, _ := source.Limiter()
	fmt.Println(a == b)
	// Output: true
}

func ExampleLimiter_Wait() {
	l := limiter.Of(limiter.Every(time.Hour))
	fmt.Println(l.Wait(context.Background(), 1))
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	err := l.Wait(ctx, 1) // returns at once
	fmt.Println(errors.Is(err, context.DeadlineExceeded))
	// Output:
	// <nil>
	// true
}

func ExampleLimiter_Try() {
	l := limiter.Of(limiter.Every(time.Hour))
	fmt.Println(l.Try(1))
	if early, ok := errors.AsType[*limiter.LimitError](l.Try(1)); ok {
		fmt.Println("again in", early.After.Round(time.Minute))
	}
	// Output:
	// <nil>
	// again in 1h0m0s
}

// A call that costs as much as its prompt is long.
func ExampleLimiter_Do() {
	l := limiter.Of(limiter.PerSecond(1000, limiter.Burst(4000)))
	prompt := "how high is a weir?"
	answer, err := l.Do(context.Background(), len(prompt), func(context.Context) (string, error) {
		return "low", nil
	})
	fmt.Println(answer, err, l.Snapshot().Units)
	// Output: low <nil> 19
}

// The service asks one caller to stay away, and all callers pause.
func ExampleLimiter_Record() {
	l := limiter.Of(limiter.PerSecond(100))
	err := outcome.AsThrottled(errors.New("429 too many requests"), time.Minute)
	l.Record(context.Background(), err)
	fmt.Println(l.Snapshot().Paused.Round(time.Minute))
	// Output: 1m0s
}

func ExampleLimiter_Penalize() {
	l := limiter.Of(limiter.Every(time.Hour, limiter.Burst(100)))
	l.Penalize(50 * time.Millisecond)
	begun := time.Now()
	_ = l.Wait(context.Background(), 1)
	fmt.Println(time.Since(begun) >= 49*time.Millisecond, l.Snapshot().Available)
	// Output: true 0
}

func ExampleLimiter_Set() {
	l := limiter.Of(limiter.PerSecond(100))
	err := l.Set(limiter.PerSecond(20))
	fmt.Println(err, l.Snapshot().Rate)
	// Output: <nil> 20
}

func ExampleLimiter_Snapshot() {
	l := limiter.Of(limiter.Every(time.Hour, limiter.Name("api"), limiter.Burst(10)))
	_ = l.Try(3)
	s := l.Snapshot()
	fmt.Println(s.Name, s.Available, "of", s.Burst, "left,", s.Admitted, "call of", s.Units, "units")
	// Output: api 7 of 10 left, 1 call of 3 units
}

func ExampleLimitError() {
	l := limiter.Of(limiter.Every(time.Hour))
	_ = l.Try(1)
	err := l.Try(1)
	fmt.Println(errors.Is(err, limiter.ErrLimit), outcome.Classify(context.Background(), err).Kind)
	// Output: true ignored
}

func ExampleWaitError() {
	l := limiter.Of(limiter.PerSecond(1, limiter.Name("api")))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	fmt.Println(l.Wait(ctx, 1))
	// Output: limiter "api": wait: context canceled
}

func ExampleCostError() {
	l := limiter.Of(limiter.PerSecond(1, limiter.Burst(5)))
	if e, ok := errors.AsType[*limiter.CostError](l.Try(6)); ok {
		fmt.Println(e.Cost, "is above", e.Burst)
	}
	// Output: 6 is above 5
}

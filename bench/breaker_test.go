package bench

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/eapache/go-resiliency/breaker"
	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/sony/gobreaker/v2"
	"github.com/stretchr/testify/require"

	weirbreaker "github.com/weir-go/weir/primitives/breaker"
)

// The breakers here guard a call that does nothing. If a context is part of the
// call it can be cancelled, as that of a stage or a request can. Each loop
// stands by itself, so that no closure dilutes the difference.

var errCall = errors.New("the call failed")

func weirBreaker(b *testing.B, p weirbreaker.Policy) *weirbreaker.Breaker {
	br, err := weirbreaker.New(p)
	require.NoError(b, err)
	return br
}

func goBreaker(s gobreaker.Settings) *gobreaker.CircuitBreaker[int] {
	s.Timeout = time.Hour
	return gobreaker.NewCircuitBreaker[int](s)
}

func fiveInARow(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= 5 }

func halfOfAHundred(c gobreaker.Counts) bool {
	return c.Requests >= 100 && float64(c.TotalFailures)/float64(c.Requests) >= 0.5
}

// throughWeir calls through a closed breaker, b.N times.
func throughWeir(b *testing.B, ctx context.Context, br *weirbreaker.Breaker) {
	call := func(context.Context) (int, error) { return 1, nil }
	b.ReportAllocs()
	defer metered(b)()
	for b.Loop() {
		if v, err := br.Do(ctx, call); v != 1 || err != nil {
			b.Fatal(v, err)
		}
	}
}

func throughGoBreaker(b *testing.B, br *gobreaker.CircuitBreaker[int]) {
	call := func() (int, error) { return 1, nil }
	b.ReportAllocs()
	defer metered(b)()
	for b.Loop() {
		if v, err := br.Execute(call); v != 1 || err != nil {
			b.Fatal(v, err)
		}
	}
}

// throughFailsafe has its policy composed once, not for each call.
func throughFailsafe(b *testing.B, ctx context.Context, policy circuitbreaker.CircuitBreaker[int]) {
	call := func() (int, error) { return 1, nil }
	composed := failsafe.With[int](policy).WithContext(ctx)
	b.ReportAllocs()
	defer metered(b)()
	for b.Loop() {
		if v, err := composed.Get(call); v != 1 || err != nil {
			b.Fatal(v, err)
		}
	}
}

// What does a breaker that opens after five failures in a row add to a call that
// succeeds? impl=eapache knows no generations, no classes of outcomes and no
// limit of probes.
func BenchmarkBreakerClosed(b *testing.B) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	b.Run("impl=weir", func(b *testing.B) {
		throughWeir(b, ctx, weirBreaker(b, weirbreaker.Consecutive("service", 5, time.Hour)))
	})
	b.Run("impl=gobreaker", func(b *testing.B) {
		throughGoBreaker(b, goBreaker(gobreaker.Settings{ReadyToTrip: fiveInARow}))
	})
	b.Run("impl=failsafe", func(b *testing.B) {
		throughFailsafe(b, ctx, circuitbreaker.NewBuilder[int]().WithFailureThreshold(5).WithDelay(time.Hour).Build())
	})
	b.Run("impl=eapache", func(b *testing.B) {
		br := breaker.New(5, 1, time.Hour)
		call := func() error { return nil }
		b.ReportAllocs()
		defer metered(b)()
		for b.Loop() {
			if err := br.Run(call); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// What does a rejected call cost while a breaker is open for an hour? Five
// failures in a row have opened each. eapache's is left out: it leaves a
// goroutine behind for that hour.
func BenchmarkBreakerOpen(b *testing.B) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	b.Run("impl=weir", func(b *testing.B) {
		br := weirBreaker(b, weirbreaker.Consecutive("service", 5, time.Hour))
		call := func(context.Context) (int, error) { return 0, errCall }
		for range 5 {
			_, err := br.Do(ctx, call)
			require.ErrorIs(b, err, errCall)
		}
		b.ReportAllocs()
		defer metered(b)()
		for b.Loop() {
			if _, err := br.Do(ctx, call); err == errCall {
				b.Fatal("it was called")
			}
		}
	})
	b.Run("impl=gobreaker", func(b *testing.B) {
		br := goBreaker(gobreaker.Settings{ReadyToTrip: fiveInARow})
		call := func() (int, error) { return 0, errCall }
		for range 5 {
			_, err := br.Execute(call)
			require.ErrorIs(b, err, errCall)
		}
		b.ReportAllocs()
		defer metered(b)()
		for b.Loop() {
			if _, err := br.Execute(call); err == errCall {
				b.Fatal("it was called")
			}
		}
	})
	b.Run("impl=failsafe", func(b *testing.B) {
		policy := circuitbreaker.NewBuilder[int]().WithFailureThreshold(5).WithDelay(time.Hour).Build()
		composed := failsafe.With[int](policy).WithContext(ctx)
		call := func() (int, error) { return 0, errCall }
		for range 5 {
			_, err := composed.Get(call)
			require.ErrorIs(b, err, errCall)
		}
		b.ReportAllocs()
		defer metered(b)()
		for b.Loop() {
			if _, err := composed.Get(call); err == errCall {
				b.Fatal("it was called")
			}
		}
	})
}

// What does it cost to count how many calls of the last ten seconds have failed,
// and to open if half of a hundred or more have? All slide the window in steps:
// weir in sixteen, its peers in ten.
func BenchmarkBreakerRate(b *testing.B) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	b.Run("impl=weir", func(b *testing.B) {
		throughWeir(b, ctx, weirBreaker(b, weirbreaker.On("service", time.Hour, weirbreaker.Rate(0.5, 10*time.Second, 100))))
	})
	b.Run("impl=gobreaker", func(b *testing.B) {
		throughGoBreaker(b, goBreaker(gobreaker.Settings{
			Interval: 10 * time.Second, BucketPeriod: time.Second, ReadyToTrip: halfOfAHundred,
		}))
	})
	b.Run("impl=failsafe", func(b *testing.B) {
		throughFailsafe(b, ctx, circuitbreaker.NewBuilder[int]().
			WithFailureRateThreshold(0.5, 100, 10*time.Second).WithDelay(time.Hour).Build())
	})
}

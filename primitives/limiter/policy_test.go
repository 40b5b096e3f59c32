package limiter_test

import (
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/limiter"
)

// The faults of limiters that take any policy: a burst of 0 admits no call, or all of
// them; an infinite or tiny rate overflows into a negative wait.
func TestPoliciesThatCannotBeMeant(t *testing.T) {
	for want, p := range map[string]limiter.Policy{
		"it has no rate":                                {},
		"rate 0 per second is out of range":             limiter.PerSecond(0),
		"rate -1 per second is out of range":            limiter.PerSecond(-1),
		"rate NaN per second is out of range":           limiter.PerSecond(math.NaN()),
		"rate +Inf per second is out of range":          limiter.PerSecond(math.Inf(1)),
		"rate 1e+13 per second is out of range":         limiter.PerSecond(1e13),
		"rate 5e-324 per second is out of range":        limiter.PerSecond(math.SmallestNonzeroFloat64),
		"interval 0s is out of range":                   limiter.Every(0),
		"interval -1ns is out of range":                 limiter.Every(-1),
		"interval 2562047h47m16.854775807s is out of":   limiter.Every(math.MaxInt64),
		"burst 0 is below 1":                            limiter.PerSecond(1, limiter.Burst(0)),
		"burst -1 is below 1":                           limiter.PerSecond(1, limiter.Burst(-1)),
		"burst 2000000000 takes more than 36 years":     limiter.PerSecond(1, limiter.Burst(2e9)),
		"bound of a pause 0s is not above 0":            limiter.PerSecond(1, limiter.MaxPause(0)),
		"step 0s is not above 0":                        limiter.PerSecond(1, limiter.Adaptive(1, 0)),
		"lowest rate 2 is not within 0 and the rate":    limiter.PerSecond(1, limiter.Adaptive(2, 1)),
		"lowest rate NaN is not within 0 and the rate":  limiter.PerSecond(1, limiter.Adaptive(math.NaN(), 1)),
		"lowest rate 1e-12 takes more than 36 years":    limiter.PerSecond(1, limiter.Adaptive(1e-12, 1)),
		"an option is nil":                              limiter.PerSecond(1, nil),
		`limiter "api": invalid policy: rate 0 per sec`: limiter.PerSecond(0, limiter.Name("api")),
	} {
		t.Run(want, func(t *testing.T) {
			err := p.Validate()
			require.ErrorContains(t, err, want)
			require.ErrorIs(t, err, limiter.ErrPolicy)
			l, made := p.Limiter()
			require.Equal(t, err, made)
			require.Nil(t, l)
			require.Equal(t, err, limiter.Of(p).Err())
		})
	}
	err := limiter.PerSecond(0, limiter.Burst(-1), limiter.MaxPause(-1)).Validate()
	require.EqualError(t, err, "limiter: invalid policy: rate 0 per second is out of range; burst -1 is below 1; bound of a pause -1ns is not above 0")
}

// Fault: without a cause the message ended in "<nil>".
func TestAPolicyErrorWithoutACause(t *testing.T) {
	require.EqualError(t, &limiter.PolicyError{}, "limiter: invalid policy")
}

func TestABurstThatNoDebtCanHold(t *testing.T) {
	if math.MaxInt <= largest {
		t.Skip("an int is too small for one")
	}
	for _, burst := range []int64{1<<50 + 1, math.MaxInt64} {
		err := limiter.PerSecond(1e12, limiter.Burst(int(burst))).Validate()
		require.ErrorContains(t, err, fmt.Sprintf("burst %d is above 2^50", burst))
	}
}

func TestPoliciesThatCan(t *testing.T) {
	for name, tt := range map[string]struct {
		p     limiter.Policy
		rate  float64
		burst int
	}{
		"the burst is 10 ms":           {limiter.PerSecond(5000), 5000, 50},
		"and at least 1":               {limiter.PerSecond(3), 3, 1},
		"an interval":                  {limiter.Every(time.Minute / 500), 500.0 / 60, 1},
		"the highest rate":             {limiter.PerSecond(1e12), 1e12, min(1e10, math.MaxInt)},
		"with the largest burst":       {limiter.PerSecond(1e12, limiter.Burst(largest)), 1e12, largest},
		"the longest interval":         {limiter.Every(1 << 60), 1e9 / (1 << 60), 1},
		"a burst of all those years":   {limiter.PerSecond(1, limiter.Burst(1<<30)), 1, 1 << 30},
		"the rate as its lowest":       {limiter.PerSecond(1, limiter.Adaptive(1, 1)), 1, 1},
		"the lowest of all rates":      {limiter.PerSecond(1, limiter.Adaptive(1e9/(1<<60), 1)), 1, 1},
		"the last of several options":  {limiter.PerSecond(1, limiter.Burst(0), limiter.Burst(2)), 1, 2},
		"the default classifier again": {limiter.PerSecond(1, limiter.Classify(nil)), 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // a busy machine would refill a burst of 10 ms
				l := newLimiter(t, tt.p)
				s := l.Snapshot()
				require.InEpsilon(t, tt.rate, s.Rate, 1e-9)
				require.Equal(t, tt.burst, s.Burst)
				require.Equal(t, tt.burst, s.Available)
				require.NoError(t, l.Try(tt.burst))
				require.Error(t, l.Try(tt.burst), "it is used up")
			})
		})
	}
}

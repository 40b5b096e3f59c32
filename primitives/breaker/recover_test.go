package breaker_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/breaker"
)

// admitted is how many of a hundred calls are let in.
func admitted(t *testing.T, b *breaker.Breaker) (n int) {
	t.Helper()
	for range 100 {
		if token, err := b.Allow(); err == nil {
			n++
			b.Record(t.Context(), &token, nil)
		}
	}
	return n
}

func TestRecoverRampsUpAndResetDoesNot(t *testing.T) {
	for name, tt := range map[string]struct {
		closes func(*breaker.Breaker)
		want   int // of 100 at the half of the ramp
	}{
		"recover": {(*breaker.Breaker).Recover, 50},
		"reset":   {(*breaker.Breaker).Reset, 100},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for _, ripe := range []time.Duration{0, window} { // open, half-open
					b := newBreaker(t, breaker.Ramp(time.Minute))
					fail(t, b, 3)
					time.Sleep(ripe)
					tt.closes(b)
					require.Equal(t, breaker.Closed, b.State())
					time.Sleep(30 * time.Second)
					require.InDelta(t, tt.want, admitted(t, b), 2)
					time.Sleep(30 * time.Second)
					require.Equal(t, 100, admitted(t, b))
				}
			})
		})
	}
}

// What is closed, forced open or switched off stays as it is.
func TestRecoverOfWhatIsNotOpen(t *testing.T) {
	b := newBreaker(t, breaker.Ramp(time.Minute))
	fail(t, b, 2)
	b.Recover()
	require.Equal(t, 100, admitted(t, b))
	fail(t, b, 3)
	b.SetMode(breaker.ForcedOpen)
	b.Recover()
	require.Equal(t, breaker.Open, b.State())
}

func ExampleBreaker_Recover() {
	b, err := breaker.New(breaker.Consecutive("model", 1, time.Hour, breaker.Ramp(time.Hour)))
	if err != nil {
		fmt.Println(err)
		return
	}
	b.RecordFailure()
	b.Recover() // another process has got an answer
	for range 3 {
		_, err := b.Do(context.Background(), func(context.Context) (string, error) { return "42", nil })
		fmt.Println(b.State(), err == nil)
	}
	// Output:
	// closed true
	// closed false
	// closed false
}

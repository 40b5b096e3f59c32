package stages

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// twoStages returns the timings of an item that took 2 s in map and 3 s in stage.
func twoStages(t *testing.T) Timings {
	return behindMap(t, Slice([]int{1}), takes(2*time.Second), Map(takes(3*time.Second))).times[0]
}

func TestTimingsTellWhereTheTimeWent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tm := twoStages(t)
		require.Equal(t, 2, tm.Len())
		first, second := Timing{Stage: "map", Work: 2 * time.Second, Attempts: 1}, Timing{Stage: "stage", Work: 3 * time.Second, Attempts: 1}
		require.Equal(t, first, tm.At(0))
		require.Equal(t, second, tm.At(1))
		require.Equal(t, 5*time.Second, tm.Total())
		require.Equal(t, second, tm.Slowest())
		require.Equal(t, first, tm.Fastest())
		got, ok := tm.Stage("map")
		require.True(t, ok)
		require.Equal(t, first, got)
		_, ok = tm.Stage("sink")
		require.False(t, ok)
		for first := range tm.All() {
			require.Equal(t, "map", first.Stage)
			break // a loop may be left
		}
		require.Equal(t, ""+
			"  stage  wait  work  attempts\n"+
			"    map    0s    2s         1\n"+
			"  stage    0s    3s         1\n"+
			"  total    5s                \n", tm.String())
	})
}

func TestTimingsOfNothing(t *testing.T) {
	var tm Timings
	require.Zero(t, tm.Len())
	require.Equal(t, Timing{}, tm.Slowest())
	require.Equal(t, Timing{}, tm.Fastest())
	require.Zero(t, tm.Total())
	require.Contains(t, tm.String(), "total")
}

// The first of equals is the slowest, and the fastest.
func TestTimingsOfEquals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tm := behindMap(t, Slice([]int{1}), takes(time.Second), Map(takes(time.Second))).times[0]
		require.Equal(t, "map", tm.Slowest().Stage)
		require.Equal(t, "map", tm.Fastest().Stage)
	})
}

// Timings belong to whoever asked for them: later items do not change them.
func TestTimingsAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, Slice(upTo(500)), Map(func(_ context.Context, v int) (int, error) {
			time.Sleep(time.Duration(v+1) * time.Millisecond)
			return v, nil
		}))
		for i := range 500 {
			require.Equal(t, time.Duration(i+1)*time.Millisecond, r.timing(i).Work)
		}
	})
}

// A failed item has the timings of the stages it passed, and of the one it
// failed in.
func TestTimingsOfAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		r := behindMap(t, every(time.Minute, 2), takes(time.Second), Map(func(context.Context, int) (int, error) {
			time.Sleep(2 * time.Second)
			return 0, errFlaky
		}))
		for i := range 2 {
			require.Equal(t, time.Second, r.times[i].At(0).Work)
			require.Equal(t, 2*time.Second, r.times[i].At(1).Work)
			require.Equal(t, 3*time.Second, r.times[i].Total())
			require.Equal(t, begun.Add(time.Duration(i)*time.Minute), r.failed[i].Entered)
		}
	})
}

// The time that an item waits for a worker is its wait, with any number of them.
func TestTheWaitForAWorkerIsAWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, Slice(upTo(6)), Map(takes(time.Second), Workers(2)))
		for i := range 6 {
			require.Equal(t, time.Second, r.timing(i).Work)
			require.Equal(t, time.Duration(i/2)*time.Second, r.timing(i).Wait)
		}
		e := r.nodes[1].Effort()
		require.Equal(t, Effort{Attempts: 6, Work: 6 * time.Second, Wait: 6 * time.Second, Longest: time.Second}, e)
	})
}

// Cheap items share clock reads, and the error stays within what is documented:
// each shows the mean of its group of up to 16, and sums are exact.
func TestCheapItemsShareTheirTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const each = 900 * time.Nanosecond
		r := through(t, Slice(upTo(1000)), Map(func(_ context.Context, v int) (int, error) {
			if v%2 == 0 {
				time.Sleep(2 * each / 3)
			}
			return v, nil
		}))
		var sum time.Duration
		for i := range 1000 {
			w := r.timing(i).Work
			require.LessOrEqual(t, w, 16*each)
			sum += w
		}
		total := r.nodes[1].Effort().Work
		require.Equal(t, 500*(2*each/3), total, "sums over a stage are exact")
		require.InDelta(t, float64(total), float64(sum), 1000, "but for what a mean loses: less than 1 ns an item")
	})
}

// An item that takes its time in the middle of cheap ones costs its group 16 at
// most, and then all have times of their own again.
func TestASlowItemEndsTheCalm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, Slice(upTo(1000)), Map(func(_ context.Context, v int) (int, error) {
			switch {
			case v == 500:
				time.Sleep(time.Second)
			case v > 520:
				time.Sleep(time.Duration(v) * time.Microsecond)
			}
			return v, nil
		}))
		var slow time.Duration
		shared := 0
		for i := range 521 {
			if w := r.timing(i).Work; w > time.Millisecond {
				shared++
				slow += w
			}
		}
		require.LessOrEqual(t, shared, 16)
		require.InDelta(t, float64(time.Second), float64(slow), 16)
		for i := 521; i < 1000; i++ {
			require.Equal(t, time.Duration(i)*time.Microsecond, r.timing(i).Work)
		}
	})
}

func TestALedgerSaysWhatIsMissing(t *testing.T) {
	l := Ledger{In: 5, Derived: 2, Recovered: 1, Out: 2, Folded: 1, Filtered: 1, Failed: 1, Shed: 1, Expired: 1, DeadLettered: 1}
	require.NoError(t, l.Check())
	for name, wrong := range map[string]Ledger{
		"In": {In: 1}, "Derived": {Derived: 1}, "Recovered": {Recovered: 1}, "Out": {Out: 1}, "Folded": {Folded: 1},
		"Filtered": {Filtered: 1}, "Failed": {Failed: 1}, "Shed": {Shed: 1}, "Expired": {Expired: 1}, "DeadLettered": {DeadLettered: 1},
	} {
		sum := l.Plus(wrong)
		require.NotZero(t, sum.Balance(), name)
		require.ErrorContains(t, sum.Check(), name+":")
		require.Equal(t, wrong.Balance(), sum.Balance(), name)
	}
}

func TestErrorsNameTheStageAndKeepTheCause(t *testing.T) {
	item := &ItemError{Stage: "call", Err: errFlaky, Value: "secret"}
	require.EqualError(t, item, `stage "call": flaky`)
	require.ErrorIs(t, item, errFlaky)
	p := &PanicError{Stage: "call", Value: errFlaky}
	require.ErrorIs(t, p, errFlaky)
	require.NoError(t, errors.Unwrap(&PanicError{Value: "text"}))
	require.True(t, strings.HasPrefix(p.Error(), `panic in stage "call"`))
	for _, late := range []error{ErrExpired, ErrTimeout} {
		require.ErrorIs(t, late, context.DeadlineExceeded)
	}
	require.NotErrorIs(t, ErrDrop, context.DeadlineExceeded)
	require.NotErrorIs(t, ErrAborted, context.DeadlineExceeded)
}

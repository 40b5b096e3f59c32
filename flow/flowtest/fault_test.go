package flowtest

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/sink"
)

func same1(_ context.Context, v int) (int, error) { return v, nil }

func TestInject(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := Inject(same1, InOrder(
			Fault{}, Fault{Err: errBroken}, Fault{Panic: "boo"}, Fault{Delay: time.Hour}, Fault{Hang: true}, Fault{Goexit: true}, Fault{Delay: time.Hour, Err: errBroken},
		))
		ctx, cancel := context.WithTimeout(t.Context(), 90*time.Minute)
		defer cancel()
		v, err := f(ctx, 1)
		require.NoError(t, err)
		require.Equal(t, 1, v)
		_, err = f(ctx, 2)
		require.ErrorIs(t, err, errBroken)
		require.PanicsWithValue(t, "boo", func() { _, _ = f(ctx, 3) })
		begun := time.Now()
		_, err = f(ctx, 4)
		require.NoError(t, err)
		require.Equal(t, time.Hour, time.Since(begun))
		_, err = f(ctx, 5)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 90*time.Minute, time.Since(begun))
		returned, gone := false, make(chan struct{})
		go func() {
			defer close(gone)
			_, _ = f(ctx, 6)
			returned = true
		}()
		<-gone
		require.False(t, returned)
		_, err = f(ctx, 7)
		require.ErrorIs(t, err, context.DeadlineExceeded, "it does not wait for longer than its context")
		v, err = f(ctx, 8)
		require.NoError(t, err)
		require.Equal(t, 8, v)
	})
}

func TestInjectNothing(t *testing.T) {
	v, err := Inject(same1, nil)(t.Context(), 1)
	require.NoError(t, err)
	require.Equal(t, 1, v)
}

func TestAtRandomIsTheSameAgain(t *testing.T) {
	plan := AtRandom(7, 0.3, Fault{Err: errBroken}, Fault{Delay: time.Second})
	again := AtRandom(7, 0.3, Fault{Err: errBroken}, Fault{Delay: time.Second})
	other := AtRandom(8, 0.3, Fault{Err: errBroken}, Fault{Delay: time.Second})
	var errs, delays, differs int
	for n := 1; n <= 10_000; n++ {
		f := plan(n)
		require.Equal(t, f, again(n))
		switch {
		case f.Err != nil:
			errs++
		case f.Delay > 0:
			delays++
		}
		if f != other(n) {
			differs++
		}
	}
	require.InDelta(t, 1500, errs, 200)
	require.InDelta(t, 1500, delays, 200)
	require.Positive(t, differs)
	require.Zero(t, AtRandom(1, 1)(1), "there are no faults to choose from")
	require.Zero(t, AtRandom(1, 0, Fault{Err: errBroken})(1))
	require.NotZero(t, AtRandom(1, 1, Fault{Err: errBroken})(1))
}

func TestBalanced(t *testing.T) {
	var rep flow.Report
	require.Empty(t, told(func(r *recorder) { Balanced(r, &rep) }))
	rep.Stages = []flow.StageReport{{Name: "leaky", Ledger: stages.Ledger{In: 3, Out: 2}}}
	faults := told(func(r *recorder) { Balanced(r, &rep) })
	require.Len(t, faults, 1)
	require.Contains(t, faults[0], `stage "leaky": ledger is off by 1`)
	require.Equal(t, []string{"flowtest: there is no report"}, told(func(r *recorder) { Balanced(r, nil) }))
}

func TestNobodyLeftNamesWhoIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		require.Empty(t, told(func(r *recorder) { nobodyLeft(t) }))
		release := make(chan struct{})
		go func() { <-release }()
		faults := told(func(r *recorder) { nobodyLeft(r) })
		require.Len(t, faults, 1)
		require.Contains(t, faults[0], "flowtest: 1 goroutines are left:")
		require.Contains(t, faults[0], "TestNobodyLeftNamesWhoIs")
		close(release)
	})
}

// A goroutine that the runtime has found to wait forever can never be woken, so it is
// left to a process of its own.
func TestNoLeaksNamesWhoWaitsForGood(t *testing.T) {
	require.Empty(t, told(func(r *recorder) { NoLeaks(r) }))
	if os.Getenv("FLOWTEST_LEAK") == "" {
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
		child.Env = append(os.Environ(), "FLOWTEST_LEAK=1")
		out, err := child.CombinedOutput()
		require.NoError(t, err, string(out))
		return
	}
	faults := told(func(r *recorder) {
		NoLeaks(r)
		go func() { <-make(chan int) }()
		time.Sleep(10 * time.Millisecond) // real: it must have got there
	})
	require.Len(t, faults, 1)
	require.Contains(t, faults[0], "TestNoLeaksNamesWhoWaitsForGood")
	require.NotContains(t, faults[0], "testing.tRunner(")
	os.Exit(0) // before the checks for leaks
}

func TestRunReturnsWhatTheRunDoes(t *testing.T) {
	rep, err := Run(t, func(*testing.T) *flow.Graph {
		return flow.From(NewSource[int]().Emit(1).Sleep(time.Hour).Fail(errBroken)).To(sink.Append(new([]int)))
	})
	require.ErrorIs(t, err, errBroken)
	require.EqualValues(t, 1, rep.Ledger.Out)
	require.Equal(t, time.Hour, rep.Elapsed)
	rep, err = Run(t, func(*testing.T) *flow.Graph { return flow.New() })
	require.True(t, errors.Is(err, flow.ErrGraph))
	require.Nil(t, rep)
}

package breaker_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/outcome"
)

// rejected returns the rejection of a call.
func rejected(tb testing.TB, b *breaker.Breaker) *breaker.OpenError {
	tb.Helper()
	_, err := b.Allow()
	var open *breaker.OpenError
	require.ErrorAs(tb, err, &open)
	return open
}

// The fault: a rejection said that the breaker was open, and not why.
func TestRejectionTellsWhatOpened(t *testing.T) {
	errFull := errors.New("disk full")
	end := func(err error) func(*testing.T, *breaker.Breaker) {
		return func(t *testing.T, b *breaker.Breaker) {
			_, got := b.Do(t.Context(), func(context.Context) (int, error) { return 0, err })
			require.Equal(t, err, got)
		}
	}
	throttled := outcome.AsThrottled(errFull, 0)
	wrapped := fmt.Errorf("put: %w", errFull)
	for name, tt := range map[string]struct {
		rule    breaker.Option
		opens   func(*testing.T, *breaker.Breaker)
		failure error
		text    string
	}{
		"in a row":  {breaker.InARow(1), end(wrapped), wrapped, "opened by 1 in a row: put: disk full"},
		"out of":    {breaker.OutOf(1, 5), end(errFull), errFull, "opened by 1 out of 5: disk full"},
		"rate":      {breaker.Rate(0.5, time.Minute, 1), end(errFull), errFull, "opened by 50% of 1 or more in 1m0s: disk full"},
		"throttled": {breaker.InARow(1), end(throttled), throttled, "opened by 1 in a row: disk full"},
		"several lines": {breaker.InARow(1), end(errors.Join(errFull, errDown)), errors.Join(errFull, errDown),
			"opened by 1 in a row: disk full: connection refused"},
		"slow and failed": {breaker.Slow(time.Second, 1, time.Minute, 1), func(t *testing.T, b *breaker.Breaker) {
			_, _ = b.Do(t.Context(), lasting(time.Second, errFull))
		}, errFull, "opened by 100% of 1 or more in 1m0s took 1s: disk full"},
		"slow": {breaker.Slow(time.Second, 1, time.Minute, 1), func(t *testing.T, b *breaker.Breaker) {
			_, _ = b.Do(t.Context(), lasting(time.Second, nil))
		}, nil, "opened by 100% of 1 or more in 1m0s took 1s"},
		"hung": {breaker.Hung(time.Second, 1), func(t *testing.T, b *breaker.Breaker) {
			allow(t, b)
			time.Sleep(time.Second)
		}, nil, "opened by 1 running for 1s"},
		"by hand": {breaker.InARow(1), func(_ *testing.T, b *breaker.Breaker) { b.Trip() }, nil, ""},
		"by hand after a failure": {breaker.InARow(1), func(t *testing.T, b *breaker.Breaker) {
			end(errFull)(t, b)
			b.Trip()
		}, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, s := on(t, tt.rule)
				tt.opens(t, b)
				open := rejected(t, b)
				require.Equal(t, tt.failure, open.Failure)
				text := `breaker: open: "model", next probe in 10s`
				if tt.text != "" {
					text += ", " + tt.text
				}
				require.EqualError(t, open, text)
				if len(s.changes) == 1 && s.changes[0].Cause == breaker.Threshold && name != "by hand after a failure" {
					require.Equal(t, tt.failure, s.changes[0].Failure)
					require.Equal(t, open.Rule, s.changes[0].Rule)
				}
				require.NotErrorIs(t, open, errFull, "the rejected call did not fail by that")
			})
		})
	}
}

// A call that never returned an error has a failure all the same.
func TestRejectionTellsOfAPanic(t *testing.T) {
	for _, end := range []func(){func() { panic("boom") }, runtime.Goexit} {
		b, _ := on(t, breaker.InARow(1))
		done := make(chan struct{})
		go func() {
			defer close(done)
			defer func() { _ = recover() }()
			_, _ = b.Do(context.Background(), func(context.Context) (int, error) { end(); return 0, nil })
		}()
		<-done
		require.ErrorContains(t, rejected(t, b), "opened by 1 in a row: the call panicked or called runtime.Goexit")
	}
	b, _ := on(t, breaker.InARow(1))
	b.RecordFailure()
	require.ErrorContains(t, rejected(t, b), "opened by 1 in a row: RecordFailure was called")
}

// Half-open, a rejection tells what opened; after a failed probe it tells of that.
func TestRejectionTellsOfTheFailedProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		errFull, errSick := errors.New("disk full"), errors.New("not yet")
		b, s := on(t, breaker.InARow(1), breaker.CloseAfter(2, 3), breaker.Slow(time.Second, 1, time.Minute, 99))
		fails := func(err error) {
			_, _ = b.Do(t.Context(), func(context.Context) (int, error) { return 0, err })
		}
		fails(errFull)
		time.Sleep(window)
		probe := allow(t, b)
		open := rejected(t, b)
		require.Equal(t, errFull, open.Failure)
		require.Equal(t, "1 in a row", open.Rule)
		require.EqualError(t, open, `breaker: open: "model" is half-open and its probes are out, next slot in 10s at the latest, opened by 1 in a row: disk full`)
		b.Record(t.Context(), &probe, errDown)
		fails(errSick)

		open = rejected(t, b)
		require.Equal(t, errSick, open.Failure)
		require.Empty(t, open.Rule)
		require.EqualError(t, open, `breaker: open: "model", next probe in 10s, opened by its probes: not yet`)
		require.Equal(t, errSick, s.changes[len(s.changes)-1].Failure)

		time.Sleep(window)
		require.NoError(t, func() error { _, err := b.Do(t.Context(), lasting(time.Second, nil)); return err }())
		_, _ = b.Do(t.Context(), lasting(time.Second, nil))
		require.ErrorContains(t, rejected(t, b), "opened by its probes: it took 1s or longer")

		b.Reset()
		require.NoError(t, s.changes[len(s.changes)-1].Failure)
	})
}

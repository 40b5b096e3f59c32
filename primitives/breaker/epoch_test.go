package breaker

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The interleaving, step by step: an outcome finds that its generation is the present one;
// another call ends that generation; then the outcome is added. It goes to counts that no
// call reads any more.
func TestOutcomeOvertakenByATransition(t *testing.T) {
	for name, rule := range map[string]Option{
		"rate":   Rate(1, time.Hour, 1),
		"out of": OutOf(1, 1),
		"slow":   Slow(1, 1, time.Hour, 1),
	} {
		t.Run(name, func(t *testing.T) {
			b, err := New(On("model", time.Hour, rule, Hung(time.Hour, 1)))
			require.NoError(t, err)
			late, err := b.Allow()
			require.NoError(t, err)
			b.Reset()
			want := b.Snapshot()
			require.True(t, b.measure(late, errWitnessed))
			want.Stale++
			require.Equal(t, want, b.Snapshot())
		})
	}
}

// The same for a row of failures alone.
func TestRowOvertakenByATransition(t *testing.T) {
	b, err := New(Consecutive("model", 1, time.Hour))
	require.NoError(t, err)
	late, err := b.Allow()
	require.NoError(t, err)
	b.Reset()
	b.fail(late, errWitnessed)
	b.succeed(late)
	b.openOn(late, &rule{}, errWitnessed)
	require.Equal(t, Closed, b.State())
	require.Zero(t, b.Snapshot().Failures)
	require.EqualValues(t, 2, b.Snapshot().Stale)
}

// A transition has stored its word and not yet its counts. An outcome that comes in between
// waits for them. No bubble: it waits for a lock, and time would stand still.
func TestOutcomeBeforeItsEpoch(t *testing.T) {
	b, err := New(On("model", time.Hour, Rate(1, time.Hour, 5)))
	require.NoError(t, err)
	old := b.epoch.Load()
	b.Reset()
	now := b.epoch.Load()
	b.mu.Lock()
	b.epoch.Store(old)
	done := make(chan struct{})
	go func() {
		defer close(done)
		token, _ := b.Allow()
		b.count(token, errWitnessed)
	}()
	time.Sleep(time.Millisecond) // it may not have come that far; it must not count too early then
	b.epoch.Store(now)
	b.mu.Unlock()
	<-done
	require.EqualValues(t, 1, b.Snapshot().Rules[0].Bad)
	require.Zero(t, b.Snapshot().Stale)
}

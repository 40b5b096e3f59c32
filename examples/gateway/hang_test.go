package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// hang is a model that does not answer.
func hang(ctx context.Context, _ json.RawMessage) (json.RawMessage, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// The clients of a model that hangs got 504 for ever: their own time was up first,
// which says nothing to the breaker.
func TestAModelThatHangsOpensTheBreaker(t *testing.T) {
	t.Parallel()
	var calls atomic.Int64
	f := stand(t, func(ctx context.Context, r json.RawMessage) (json.RawMessage, error) {
		calls.Add(1)
		return hang(ctx, r)
	}, func(c *config) { c.timeout = 300 * time.Millisecond })
	for i := range 5 {
		a := f.question(fmt.Sprint(i))
		require.Equal(t, 504, a.status, a.body)
		require.Equal(t, "the model did not answer in time", message(t, a))
	}
	require.EqualValues(t, 5, calls.Load(), "a timeout leaves no time for another try")
	a := f.refusedBy503()
	require.Equal(t, "the model is down", message(t, a))
	require.Equal(t, "1", a.header.Get("Retry-After"))
}

// refusedBy503 asks until the breaker refuses a question. On a busy machine the
// breaker may be half-open in between, and let one through.
func (f *front) refusedBy503() (a answer) {
	f.t.Helper()
	require.Eventually(f.t, func() bool {
		a = f.question("while the breaker is open")
		return a.status == 503
	}, 5*time.Second, time.Millisecond)
	return a
}

// The same if all requests come at once, and several clients ask the same.
func TestAModelThatHangsIsNoticedWhateverTheLoad(t *testing.T) {
	t.Parallel()
	f := stand(t, hang, func(c *config) { c.timeout = 50 * time.Millisecond })
	var all sync.WaitGroup
	for i := range 60 {
		all.Go(func() {
			a, err := f.post(t.Context(), asking(fmt.Sprint(i%20)))
			assert.NoError(t, err)
			assert.Contains(t, []int{504, 503}, a.status, a.body)
		})
	}
	all.Wait()
	f.refusedBy503()
}

// A client may wait for less time than the model needs. That is no fault of the model,
// and no reason to refuse the other clients.
func TestClientsInAHurryDoNotOpenTheBreaker(t *testing.T) {
	t.Parallel()
	var awake atomic.Bool
	f := stand(t, func(ctx context.Context, r json.RawMessage) (json.RawMessage, error) {
		if awake.Load() {
			return echo(ctx, r)
		}
		return hang(ctx, r)
	})
	var hasty sync.WaitGroup
	for i := range 10 {
		hasty.Go(func() {
			a, err := f.post(t.Context(), asking(fmt.Sprint(i)), "Prefer", "wait=1")
			assert.NoError(t, err)
			assert.Equal(t, 504, a.status, a.body)
		})
	}
	hasty.Wait()
	awake.Store(true)
	require.Equal(t, 200, f.question("without hurry").status)
	require.EqualValues(t, 0, f.figure(inLayer("breaker", "failures")...))
}

// A model that never stops gets as much room, and as much time, as any other.
func TestAModelThatNeverStops(t *testing.T) {
	stream := func(pause time.Duration) http.HandlerFunc {
		block := bytes.Repeat([]byte(" "), 32<<10)
		return func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				_, _ = w.Write(block)
				time.Sleep(pause) // real time: real connections
			}
		}
	}
	t.Run("fast", func(t *testing.T) {
		f := behind(t, stream(0))
		require.Less(t, peak(t, func() {
			a := f.question("q")
			require.Equal(t, 502, a.status)
			require.Equal(t, "the model gave no answer", message(t, a))
		}), 20)
	})
	t.Run("slow", func(t *testing.T) {
		f := behind(t, stream(10*time.Millisecond), func(c *config) { c.timeout = 50 * time.Millisecond })
		a := f.question("q")
		require.Equal(t, 504, a.status)
		require.Equal(t, "the model did not answer in time", message(t, a))
	})
}

package dedup_test

import (
	"context"
	"runtime"
	"runtime/debug"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/dedup"
)

// A context that is kept past its run, against the rules, is never that of another
// caller, nor are those derived from it.
func TestContextKeptPastItsRunShowsNoStranger(t *testing.T) {
	d := make1[string, int](t, dedup.Window(0))
	mine := context.WithValue(t.Context(), valueKey{}, "mine")
	var kept, derived context.Context
	for range 5 { // more than it takes to be used again
		_, err := d.Do(mine, "k", func(ctx context.Context) (int, error) {
			kept, derived = ctx, context.WithoutCancel(ctx)
			return 1, nil
		})
		require.NoError(t, err)
	}
	for range 5 {
		_, err := d.Do(context.WithValue(t.Context(), valueKey{}, "theirs"), "k", func(ctx context.Context) (int, error) {
			require.Equal(t, "theirs", ctx.Value(valueKey{}))
			require.Equal(t, "mine", kept.Value(valueKey{}))
			require.Equal(t, "mine", derived.Value(valueKey{}))
			require.ErrorIs(t, kept.Err(), context.Canceled)
			require.NoError(t, ctx.Err())
			return 1, nil
		})
		require.NoError(t, err)
	}
	<-kept.Done()
}

// Every run starts with a context that is alive, whatever became of the one before.
func TestContextIsAliveAtTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := make1[string, int](t, dedup.Window(0))
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		ways := []func(context.Context){
			func(context.Context) {},
			func(ctx context.Context) { ctx.Done() },
			func(ctx context.Context) { _ = ctx.Err() },
			func(ctx context.Context) {
				c, cancel := context.WithTimeout(ctx, time.Second)
				defer cancel()
				<-c.Done()
			},
			func(ctx context.Context) { defer func() { recover() }(); panic(1) },
		}
		for i := range 40 {
			_, err := d.Do(ctx, "k", func(ctx context.Context) (int, error) {
				require.NoError(t, ctx.Err())
				ways[i*7/3%len(ways)](ctx)
				require.NoError(t, ctx.Err())
				return 1, nil
			})
			require.NoError(t, err)
		}
	})
}

// The ctx of a caller that comes once, and what hangs on it, is not kept from the
// garbage collector; nor is what was kept for a key that has gone.
func TestNothingHoldsOnToACaller(t *testing.T) {
	d, err := dedup.New[string, *[1 << 20]byte](dedup.Window(time.Minute, dedup.MaxEntries(1)))
	require.NoError(t, err)
	var gone []weak.Pointer[[1 << 20]byte]
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // a context where a collected one was looks like the same caller
	for _, key := range []string{"a", "b", "c", "last"} {
		carried, value := new([1 << 20]byte), new([1 << 20]byte)
		_, err := d.Do(context.WithValue(t.Context(), valueKey{}, carried), key, func(context.Context) (*[1 << 20]byte, error) {
			return value, nil
		})
		require.NoError(t, err)
		gone = append(gone, weak.Make(carried))
		if key != "last" {
			gone = append(gone, weak.Make(value))
		}
	}
	runtime.GC()
	runtime.GC()
	for i, w := range gone {
		require.Nil(t, w.Value(), i)
	}
	require.True(t, d.Contains("last"))
}

// Many runs with one ctx, some of which hand their context to goroutines that use it
// too late. No goroutine is told that a live run has ended, or the other way round. No
// bubble: real parallelism is the point.
func TestStressContextsUsedTooLate(t *testing.T) {
	d := make1[int, int](t, dedup.Window(0))
	ctx, cancel := context.WithCancel(context.WithValue(t.Context(), valueKey{}, "v"))
	defer cancel()
	var wg, late sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 1000 {
				_, err := d.Do(ctx, i%3, func(run context.Context) (int, error) {
					if (i+w)%5 == 0 {
						late.Go(func() {
							assert.Equal(t, "v", run.Value(valueKey{}))
							_ = run.Err()
							<-run.Done()
						})
					}
					if (i+w)%2 == 0 {
						select {
						case <-run.Done():
							assert.Fail(t, "ended while it runs")
						default:
						}
					}
					assert.NoError(t, run.Err())
					return 1, nil
				})
				assert.NoError(t, err)
			}
		})
	}
	wg.Wait()
	late.Wait()
	require.Zero(t, d.Snapshot().InFlight)
}

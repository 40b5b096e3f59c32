package limiter_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/limiter"
)

// comer brings a call to a limiter and returns when the call has ended or waits.
type comer func(*limiter.Limiter, context.Context, int) <-chan error

// enlist is later by Enlist. The place is given up when ctx ends.
func enlist(l *limiter.Limiter, ctx context.Context, cost int) <-chan error {
	done := make(chan error, 2) // a second answer is a fault, which the test finds
	place, err := l.Enlist(ctx, cost, func(err error) { done <- err })
	if !place.Waits() {
		done <- err
		return done
	}
	context.AfterFunc(ctx, func() {
		if place.Leave() {
			done <- &limiter.WaitError{Err: ctx.Err()}
		}
	})
	synctest.Wait()
	return done
}

// mix returns a comer whose calls enlist or block as the bits of mask say, in turn.
func mix(mask byte) comer {
	n := 0
	return func(l *limiter.Limiter, ctx context.Context, cost int) <-chan error {
		n++
		if mask>>(n%8)&1 == 1 {
			return enlist(l, ctx, cost)
		}
		return later(l, ctx, cost)
	}
}

// FuzzEnlist is [FuzzLine], where mask says which of the callers enlist. The model is
// the same: all wait in one line, under one set of rules.
func FuzzEnlist(f *testing.F) {
	r := rand.New(rand.NewPCG(9, 10))
	for i := range 45 {
		script := make([]byte, 100)
		for i := range script {
			script[i] = byte(r.Uint32())
		}
		f.Add([]byte{255, 0b01010101, byte(r.Uint32())}[i%3], script)
	}
	f.Fuzz(func(t *testing.T, mask byte, script []byte) {
		if len(script) > 100 {
			return
		}
		synctest.Test(t, func(t *testing.T) {
			m := newLineModel(t)
			m.come = mix(mask)
			for _, b := range script {
				m.step(b&7, int(b>>3))
				m.check()
			}
			m.end()
		})
	})
}

// Each call ends in exactly one way, and the rate is kept, when places are left while
// the timer fires. No bubble: real parallelism is the point.
func TestLeaveAndGrantAtTheSameMoment(t *testing.T) {
	const callers, rounds, burst, price = 8, 200, 5, 20 * time.Microsecond
	l := newLimiter(t, limiter.Every(price, limiter.Burst(burst)))
	begun := time.Now()
	var ended, taken atomic.Int64
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			for n := range rounds {
				cost := 1 + n%burst
				if i%4 == 0 { // one of four blocks
					assert.NoError(t, l.Wait(t.Context(), cost))
					taken.Add(int64(cost))
					ended.Add(1)
					continue
				}
				done := make(chan struct{})
				place, err := l.Enlist(t.Context(), cost, func(err error) {
					assert.NoError(t, err)
					taken.Add(int64(cost))
					ended.Add(1)
					close(done)
				})
				switch {
				case !place.Waits():
					assert.NoError(t, err)
					taken.Add(int64(cost))
					ended.Add(1)
				case n%2 == 0 && place.Leave():
					ended.Add(1)
				default:
					<-done
				}
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, callers*rounds, ended.Load())
	s := l.Snapshot()
	require.Zero(t, s.Waiting)
	require.EqualValues(t, taken.Load(), s.Units)
	require.EqualValues(t, callers*rounds, s.Admitted+s.Cancelled)
	require.LessOrEqual(t, taken.Load(), burst+int64(time.Since(begun)/price))
}

// A storm of all kinds of calls, and of penalties, in virtual time.
func TestAStormOfEnlistedCalls(t *testing.T) {
	bubble(t, func(t *testing.T, since func() time.Duration) {
		l := newLimiter(t, limiter.Every(time.Microsecond, limiter.Burst(50)))
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() {
				for j := range 20 {
					ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i*j)*time.Microsecond)
					done := make(chan error, 2)
					place, err := l.Enlist(ctx, 1+(i+j)%50, func(err error) { done <- err })
					if place.Waits() {
						select {
						case err = <-done:
						case <-ctx.Done():
							if err = ctx.Err(); !place.Leave() {
								err = <-done
							}
						}
					}
					assert.True(t, err == nil || errors.Is(err, context.DeadlineExceeded), err)
					assert.Empty(t, done)
					cancel()
					if j%7 == 0 {
						l.Penalize(time.Duration(j) * time.Microsecond)
					}
				}
			})
		}
		wg.Wait()
		s := l.Snapshot()
		require.Zero(t, s.Waiting)
		require.LessOrEqual(t, s.Units, uint64(50+since()/time.Microsecond))
		require.NotZero(t, s.Units)
	})
}

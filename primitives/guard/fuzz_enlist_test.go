package guard_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/guard"
)

// comer brings a call to a guard and returns when the call has ended or waits.
type comer func(context.Context, *guard.Guard, ...guard.CallOption) <-chan answer

// enlist is acquire by Enlist. The place is given up when ctx ends.
func enlist(ctx context.Context, g *guard.Guard, opts ...guard.CallOption) <-chan answer {
	c := make(chan answer, 2) // a second answer is a fault, which the test finds
	p, place, err := g.Enlist(ctx, func(p guard.Permit, err error) { c <- answer{p, err} }, opts...)
	if !place.Waits() {
		c <- answer{p, err}
		return c
	}
	context.AfterFunc(ctx, func() {
		if place.Leave() {
			c <- answer{err: ctx.Err()}
		}
	})
	synctest.Wait()
	return c
}

// mix returns a comer whose calls enlist or block as the bits of mask say, in turn.
func mix(mask byte) comer {
	n := 0
	return func(ctx context.Context, g *guard.Guard, opts ...guard.CallOption) <-chan answer {
		n++
		if mask>>(n%8)&1 == 1 {
			return enlist(ctx, g, opts...)
		}
		return acquire(ctx, g, opts...)
	}
}

// FuzzEnlist is [FuzzGuard], where mask says which of the callers enlist. The model is
// the same: all wait in one queue, under one set of rules.
func FuzzEnlist(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 2))
	for policy := range byte(128) {
		script := make([]byte, 60)
		for i := range script {
			script[i] = byte(r.Uint32())
		}
		f.Add([]byte{255, 0b01010101, byte(r.Uint32())}[policy%3], policy, script)
	}
	f.Fuzz(func(t *testing.T, mask, policy byte, script []byte) {
		if len(script) > 200 {
			t.Skip()
		}
		synctest.Test(t, func(t *testing.T) {
			m := newModel(t, policy)
			m.come = mix(mask)
			for _, b := range script {
				m.step(b%10, int(b/10))
				m.check()
			}
			m.finish()
		})
	})
}

// FuzzEnlistOverload is [FuzzOverload], where mask says which of the callers enlist.
func FuzzEnlistOverload(f *testing.F) {
	r := rand.New(rand.NewPCG(3, 4))
	for policy := range byte(48) {
		script := make([]byte, 200)
		for i := range script {
			script[i] = byte(r.Uint32())
		}
		f.Add([]byte{255, 0b01010101, byte(r.Uint32())}[policy%3], policy, script)
	}
	f.Fuzz(func(t *testing.T, mask, policy byte, script []byte) {
		if len(script) > 300 {
			script = script[:300]
		}
		synctest.Test(t, func(t *testing.T) {
			m := newOverload(t, policy)
			m.come = mix(mask)
			t.Cleanup(m.letGo)
			for _, b := range script {
				m.step(b%8, int(b/8))
				m.check()
			}
		})
	})
}

// No bubble: real parallelism is the point. Each call ends in exactly one way, the
// capacity is kept, and no permit is lost when Leave meets a grant.
func TestLeaveAndGrantAtTheSameMoment(t *testing.T) {
	for _, opts := range [][]guard.Option{nil, {guard.Queue(guard.LIFO)}, {guard.SoftLimit(2, nil)}} {
		const capacity, callers, rounds = 3, 16, 500
		g := newGuard(t, guard.Limit(capacity, opts...))
		var inFlight, ended atomic.Int64
		var wg sync.WaitGroup
		use := func(p guard.Permit) {
			assert.LessOrEqual(t, inFlight.Add(1), int64(capacity))
			inFlight.Add(-1)
			assert.True(t, p.Release())
			ended.Add(1)
		}
		for i := range callers {
			wg.Go(func() {
				for n := range rounds {
					if i%4 == 0 { // one of four blocks
						p, err := g.Acquire(t.Context())
						assert.NoError(t, err)
						use(p)
						continue
					}
					done := make(chan struct{})
					p, place, err := g.Enlist(t.Context(), func(p guard.Permit, err error) {
						assert.NoError(t, err)
						use(p)
						close(done)
					})
					switch {
					case !place.Waits():
						assert.NoError(t, err)
						use(p)
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
		s := g.Snapshot()
		require.True(t, s.Empty())
		require.Zero(t, s.Waiting)
		require.EqualValues(t, callers*rounds, s.Admitted+s.Cancelled)
	}
}

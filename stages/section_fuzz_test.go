package stages

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/dedup"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/limiter"
	"github.com/weir-go/weir/primitives/outcome"
	"github.com/weir-go/weir/primitives/retry"
)

// keys is how many different requests there are to a deduplicator.
const keys = 7

// trial is a section of random layers and what it must keep to.
type trial struct {
	seed   uint64
	layers []Layer[int]
	limit  int32           // of calls under way
	rest   []func() string // what is still held when all is over: nothing, if ""
	panics bool            // a layer may
	light  bool            // most calls take no time

	gauge gauge
	mu    sync.Mutex
	tries map[int]uint64
}

// random returns numbers that depend on the value and on how often it was asked
// for, and not on who asks first.
func (f *trial) random(v int) *rand.Rand {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tries[v]++
	return rand.New(rand.NewPCG(f.seed, uint64(v)<<32|f.tries[v]))
}

// call fails in all the ways there are, after a while.
func (f *trial) call(ctx context.Context, v int) (int, error) {
	return f.gauge.call(func() (int, error) {
		r := f.random(v)
		if r.IntN(3) == 0 && (!f.light || r.IntN(100) == 0) {
			time.Sleep(time.Duration(r.IntN(20)) * time.Millisecond)
		}
		faults := 24
		if f.light {
			faults *= 10
		}
		switch r.IntN(faults) {
		case 0, 1, 2:
			return 0, errFlaky
		case 3:
			return 0, outcome.AsThrottled(errFlaky, time.Duration(r.IntN(30))*time.Millisecond)
		case 4:
			return 0, outcome.AsPermanent(errOdd)
		case 5:
			panic("call")
		case 6:
			return 0, ErrDrop
		case 7:
			runtime.Goexit()
		case 8:
			return v, ctx.Err() // nil as long as all is well
		}
		return v, nil
	})
}

// held remembers to ask, in the end, whether something was kept.
func (f *trial) held(what func() string) { f.rest = append(f.rest, what) }

func (f *trial) guarded(n int, opts ...guard.Option) Layer[int] {
	g, _ := guard.New(guard.Limit(n, opts...))
	f.limit = min(f.limit, int32(n))
	f.held(func() string {
		if s := g.Snapshot(); s.Depth+s.Waiting > 0 {
			return fmt.Sprintf("%+v", s)
		}
		return ""
	})
	return Guard[int](g)
}

func (f *trial) deduped(ttl time.Duration) Layer[int] {
	d, _ := dedup.New[int, Answer](dedup.Window(ttl))
	f.held(func() string {
		if s := d.Snapshot(); s.InFlight > 0 {
			return fmt.Sprintf("%+v", s)
		}
		return ""
	})
	return Dedup[int](d, askKey)
}

func askKey(v int) int {
	if v%50 == 49 {
		panic("key")
	}
	return v % keys
}

func (f *trial) fused(failures int, opts ...Option) Layer[int] {
	b, _ := breaker.New(breaker.Consecutive("b", failures, 10*time.Millisecond))
	f.held(func() string {
		if s := b.Snapshot(); s.Probes > 0 {
			return fmt.Sprintf("%+v", s)
		}
		return ""
	})
	return Breaker[int](b, opts...)
}

// rated limits the calls to n a millisecond, and each response can be a penalty.
func (f *trial) rated(n int) Layer[int] {
	l, _ := limiter.New(limiter.PerSecond(float64(n)*1000, limiter.Burst(3), limiter.Adaptive(500, 5*time.Millisecond)))
	f.held(func() string {
		if s := l.Snapshot(); s.Waiting > 0 {
			return fmt.Sprintf("%+v", s)
		}
		return ""
	})
	return RateLimit(l, func(v int) int {
		if v%50 == 48 {
			panic("cost")
		}
		return v % 5 // 4 cannot be met
	})
}

// custom is a layer that answers, delays, resumes from elsewhere and, if it is
// unlucky, panics.
func (f *trial) custom(panics int) Layer[int] {
	f.panics = f.panics || panics > 0
	unlucky := func(r *rand.Rand) {
		if panics > 0 && r.IntN(panics) == 0 {
			panic("layer")
		}
	}
	var asleep []*Exchange[int]
	return script{
		request: func(p *Port[int], x *Exchange[int]) {
			r := f.random(x.Value)
			switch r.IntN(8) {
			case 0:
				x.Reject(errOdd)
				p.Up(x)
			case 1:
				asleep = append(asleep, x)
				p.WakeIn(time.Duration(r.IntN(10)) * time.Millisecond)
			case 2:
				go func() {
					time.Sleep(time.Duration(r.IntN(10)) * time.Millisecond)
					p.Resume(x)
				}()
			default:
				unlucky(r)
				p.Down(x)
			}
		},
		response: func(p *Port[int], x *Exchange[int]) { unlucky(f.random(x.Value)); p.Up(x) },
		wake: func(p *Port[int]) {
			for _, x := range asleep {
				p.Down(x)
			}
			asleep = asleep[:0]
		},
		resumed: func(p *Port[int], x *Exchange[int]) { p.Down(x) },
	}
}

// add joins one more layer on, of the kind that b says.
func (f *trial) add(b byte) {
	n := 1 + int(b>>4)
	var l Layer[int]
	drain := OnDrain(Drain(n % 4))
	switch b % 14 {
	case 0:
		l = f.guarded(n)
	case 1:
		l = f.guarded(n, guard.Shedding())
	case 2:
		l = f.deduped(0)
	case 3:
		l = f.deduped(5 * time.Millisecond)
	case 4:
		l = f.fused(n)
	case 5:
		l = f.fused(n, Hold())
	case 6:
		l = Retry[int](retry.Constant(1+n%4, 5*time.Millisecond), drain)
	case 7:
		l = Retry[int](retry.Constant(1+n%4, time.Millisecond, retry.RetryRejected()), drain)
	case 8:
		l = Timeout[int](time.Duration(n) * time.Millisecond)
	case 9:
		l = f.custom(0)
	case 10:
		l = f.custom(20 * n)
	case 11:
		l = f.rated(n)
	case 12: // of its own, dealt with in batches
		l = Dedup[int](dedup.Window(0), askKey)
	case 13:
		l = Dedup[int](dedup.Window(time.Duration(n)*time.Millisecond, dedup.MaxEntries(n), dedup.ServeStale(time.Millisecond)), askKey)
	}
	f.layers = append(f.layers, l)
}

// pair is an item and what the call, its own or a shared one, returned for it.
type pair struct{ own, got int }

// FuzzSection runs random layers in random order around a function with random
// faults, and stops or aborts the run at a random time: everything that went in
// comes out once, in order if that was asked for, with an answer to what it
// asked; and nothing is held any more.
func FuzzSection(f *testing.F) {
	f.Add([]byte{116, 2, 64, 44}, uint64(1), uint16(0), byte(0x13)) // the documented order
	f.Add([]byte{44, 61, 3, 74}, uint64(2), uint16(0x8014), byte(0x03))
	f.Add([]byte{19, 9, 25, 43, 36}, uint64(3), uint16(0x4010), byte(0x87))
	f.Add([]byte{9, 10, 136, 32}, uint64(4), uint16(0), byte(0x02))
	f.Add([]byte{5, 36, 2, 18}, uint64(5), uint16(0x8003), byte(0xff))
	f.Add([]byte{}, uint64(6), uint16(0x8001), byte(0x07))
	f.Add([]byte{42, 11, 36, 6}, uint64(7), uint16(0), byte(0x04))          // a rate inside and outside of a retry
	f.Add([]byte{8, 25, 6, 134, 11}, uint64(8), uint16(0x800f), byte(0x8f)) // and of a timeout, aborted
	f.Add([]byte{11, 7, 0}, uint64(9), uint16(0x4010), byte(0x25))          // hedged
	f.Add([]byte{0, 12, 4, 48}, uint64(10), uint16(0), byte(0x07))          // a deduplicator of its own
	f.Add([]byte{13, 6, 27, 24}, uint64(11), uint16(0x4010), byte(0x07))    // and stopped
	f.Add([]byte{12, 13, 6}, uint64(12), uint16(0x8010), byte(0x87))        // and aborted
	f.Add([]byte{12, 144, 6}, uint64(13), uint16(0), byte(0x0c))            // light calls
	f.Add([]byte{224, 13, 6}, uint64(14), uint16(0x4002), byte(0x88))       // by one worker, stopped
	f.Add([]byte{6}, uint64(15), uint16(0x8001), byte(0x0a))                // and aborted
	f.Add([]byte{144}, uint64(16), uint16(0), byte(0x0f))
	f.Fuzz(func(t *testing.T, layers []byte, seed uint64, end uint16, knobs byte) {
		synctest.Test(t, func(t *testing.T) { tryout(t, layers, seed, end, knobs) })
	})
}

func tryout(t *testing.T, layers []byte, seed uint64, end uint16, knobs byte) {
	defer time.Sleep(time.Second) // for those who resume what is no longer there
	workers, ordered := 1+int32(knobs&7), knobs&0x80 == 0
	f := &trial{seed: seed, limit: workers, light: knobs&0x08 != 0, tries: map[int]uint64{}}
	for _, b := range layers[:min(len(layers), 6)] {
		f.add(b)
	}
	opts := []Option{Workers(int(workers))}
	if !ordered {
		opts = append(opts, Unordered())
	}
	if knobs&0x20 != 0 {
		f.limit *= 2 // a copy beside each call
		opts = append(opts, Hedge(retry.None(retry.Hedge(3*time.Millisecond, 2))))
	}
	at := time.Duration(end&0x3fff%150)*time.Millisecond + time.Microsecond
	aborts := end&0x8000 != 0
	var control []func(*Runtime)
	if aborts {
		control = append(control, after(at, abort))
	} else if end&0x4000 != 0 {
		control = append(control, after(at, stop))
	}
	items, seldom := 200, 20
	if f.light { // so that the entrance carries
		items, seldom = 1000, 400
	}
	pace := rand.New(rand.NewPCG(seed, 0))
	source := Seq(func(yield func(int) bool) {
		for i := range items {
			if pace.IntN(seldom) == 0 {
				time.Sleep(time.Duration(pace.IntN(10)) * time.Millisecond)
			}
			if !yield(i) {
				return
			}
		}
	})
	r := drive(t, knobs&0x40 != 0, source, Enrich(f.layers, f.call, func(own, got int) pair {
		if own%60 == 59 {
			panic("join")
		}
		return pair{own, got}
	}, opts...), control...)
	f.check(t, r, ordered)
	if aborts && r.nodes[0].Ledger().Out < int64(items) {
		require.LessOrEqual(t, r.took, at+40*time.Millisecond, "nothing but a call under way is waited for")
	}
	if !f.panics {
		require.NoError(t, r.err)
	}
}

// check is what holds of every run.
func (f *trial) check(t *testing.T, r *rig[int, pair], ordered bool) {
	seen := map[int]bool{}
	last := -1
	out, failed := r.out, r.failed
	for _, what := range r.order {
		var v int
		var ahead bool // of those inside, on purpose
		if what == "!" {
			v, ahead = failed[0].Value.(int), errors.Is(failed[0], guard.ErrShed)
			failed = failed[1:]
		} else {
			v = out[0].own
			assert.Equal(t, v%keys, out[0].got%keys, "an answer to another question")
			out = out[1:]
		}
		require.False(t, seen[v], "%d came out twice", v)
		seen[v] = true
		if ordered && !ahead {
			require.Greater(t, v, last)
			last = v
		}
	}
	l := r.ledger()
	require.Equal(t, l.In, int64(len(seen))+l.Filtered)
	require.Equal(t, r.nodes[0].Ledger().Out, l.In)
	require.LessOrEqual(t, f.gauge.most.Load(), f.limit)
	for _, held := range f.rest {
		require.Empty(t, held())
	}
}

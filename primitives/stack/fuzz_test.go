package stack_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/dedup"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/limiter"
	"github.com/weir-go/weir/primitives/outcome"
	"github.com/weir-go/weir/primitives/retry"
	"github.com/weir-go/weir/primitives/stack"
)

// FuzzStack makes calls one after the other through any layers in any order, and
// compares each with the model: whether it succeeds, why not, how often the function was
// called, and the time to the nanosecond.
func FuzzStack(f *testing.F) {
	f.Add([]byte{4, 5, 2, 3}, []byte{1, 1, 1, 1, 1, 1, 0, 0}, []byte{0, 1, 2, 0x40, 0x13, 0})
	f.Add([]byte{0, 1, 4, 5}, []byte{1, 0, 4, 4, 2, 3, 0}, []byte{0, 0, 1, 0x21, 1, 0xf0, 0})
	f.Add([]byte{5, 12, 2}, []byte{1, 1, 2, 2, 3, 3, 4}, []byte{0, 0, 0, 0})
	f.Add([]byte{6, 5, 3, 4}, []byte{1, 1, 1, 1, 1}, []byte{0, 0, 0x30, 0})
	f.Add([]byte{0x59, 0xfa, 0xd0}, []byte{3, 3}, []byte{0x30}) // a retry in a retry of one attempt in a retry
	f.Fuzz(func(t *testing.T, layers, script, calls []byte) {
		if len(layers) > 8 || len(script) > 100 || len(calls) > 40 {
			return
		}
		compare(t, layers, script, calls)
	})
}

// A fuzzer is not always at hand: these stacks are drawn at random, but always the same.
func TestStacksFollowTheModel(t *testing.T) {
	for i := range uint64(500) {
		draw := rand.New(rand.NewPCG(i, 0))
		random := func(n int) []byte {
			all := make([]byte, n)
			for i := range all {
				all[i] = byte(draw.Uint32())
			}
			return all
		}
		compare(t, random(draw.IntN(6)), random(40), random(20))
		if t.Failed() {
			t.Fatalf("stack %d", i)
		}
	}
}

func compare(t *testing.T, layers, script, calls []byte) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		m := &model{}
		for _, b := range script {
			m.script = append(m.script, outcome.Kind(b%5))
		}
		made := 0
		s := stack.Around(func(ctx context.Context, key int) (int, error) {
			kind := outcome.Success
			if made < len(m.script) {
				kind = m.script[made]
			}
			made++
			select {
			case <-time.After(work):
				return key, errorOf(kind)
			case <-ctx.Done():
				return 0, errors.New("rpc error: code = 4")
			}
		})
		s, model := build(s, layers)
		require.NoError(t, s.Err())
		start := time.Now()
		for _, b := range calls {
			time.Sleep(time.Duration(b>>4) * time.Second)
			m.now += time.Duration(b>>4) * time.Second
			key := int(b % 3)
			v, err := s.Do(t.Context(), key)
			want := m.do(model, request{key: key})
			require.Equal(t, want.ok(), err == nil, "%v", err)
			if err == nil {
				require.Equal(t, key, v)
			}
			require.Equal(t, want.kind, outcome.Classify(t.Context(), err).Kind, "%v", err)
			require.Equal(t, want.open, errors.Is(err, breaker.ErrOpen), "%v", err)
			require.Equal(t, want.retried, errors.Is(err, retry.ErrGaveUp), "%v", err)
			require.Equal(t, m.calls, made)
			require.Equal(t, m.now, time.Since(start))
		}
	})
}

func errorOf(kind outcome.Kind) error {
	switch kind {
	case outcome.Failure:
		return errDown
	case outcome.Ignored:
		return outcome.AsIgnored(errDown)
	case outcome.Throttled:
		return outcome.AsThrottled(errDown, pause)
	case outcome.Permanent:
		return outcome.AsPermanent(errDown)
	}
	return nil
}

// build adds a layer for each byte, to a stack and to its model.
func build(s *stack.Stack[int, int], layers []byte) (*stack.Stack[int, int], []modelLayer) {
	var model []modelLayer
	add := func(next *stack.Stack[int, int], l modelLayer) { s, model = next, append(model, l) }
	timed := false
	for _, b := range layers {
		arg := int(b>>4)%3 + 1
		switch kind := b % 7; {
		case kind == 1 && !timed: // a run has the deadline of its callers, or none
			add(s.Dedup(dedup.Window(keptFor), func(key int) int { return key }), modelDedup())
		case kind == 2:
			add(s.RateLimit(limiter.Every(limitEvery, limiter.Burst(1)), nil), modelLimiter())
		case kind == 3 || kind == 4:
			add(s.Breaker(breaker.Consecutive("b", arg, recovery)), modelBreaker(arg))
		case kind == 5:
			add(s.Retry(retry.Constant(arg, retryDelay)), modelRetry(arg))
		case kind == 6:
			timed = true
			add(s.Timeout(timeoutTime), modelTimeout())
		default:
			add(s.Guard(guard.Limit(1)), modelGuard())
		}
	}
	return s, model
}

package byhand

import (
	"context"
	"time"

	"github.com/sourcegraph/conc"

	"github.com/weir-go/weir/bench/internal/work"
)

// Join joins each item of one source with each of another that is the same
// number and comes less than d before or after it. It keeps at most the last
// most items of each.
func Join(n, most int, d time.Duration, join func(a, b int) int) work.Haul {
	var wg conc.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	a, b, out := make(chan outcome, depth), make(chan outcome, depth), make(chan outcome, depth)
	wg.Go(func() { feed(ctx, a, n) })
	wg.Go(func() { feed(ctx, b, n) })
	wg.Go(func() {
		defer close(out)
		j := newJoiner(most, d, join)
		j.emit = func(v int) bool { return send(ctx, out, outcome{value: v}) }
		either(a, b, func(o outcome, first bool) bool {
			j.expire()
			return j.take(o, first)
		}, func() bool { return true })
	})
	return count(out)
}

// JoinChunks is the same with slices of items on the channels.
func JoinChunks(n, most int, d time.Duration, join func(a, b int) int) work.Haul {
	var wg conc.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	a, b, out := newConduit[outcome](), newConduit[outcome](), newConduit[outcome]()
	wg.Go(func() { feedChunks(ctx, a, n) })
	wg.Go(func() { feedChunks(ctx, b, n) })
	wg.Go(func() {
		defer close(out.full)
		made, ok := out.take(), true
		j := newJoiner(most, d, join)
		j.emit = func(v int) bool {
			if made = append(made, outcome{value: v}); out.due(made) {
				made, ok = out.send(ctx, made)
			}
			return ok
		}
		either(a.full, b.full, func(vs []outcome, first bool) bool {
			from := a
			if !first {
				from = b
			}
			return j.takeChunk(vs, first, from)
		}, func() bool {
			made, ok = out.send(ctx, made)
			return ok
		})
	})
	return countChunks(out)
}

// either takes what comes by two channels until both are closed. It calls idle
// before it blocks and before it ends. It ends if take or idle reports false.
func either[T any](a, b <-chan T, take func(v T, first bool) bool, idle func() bool) {
	for a != nil || b != nil {
		if len(a)+len(b) == 0 && !idle() {
			return
		}
		select {
		case v, ok := <-a:
			if !ok {
				a = nil
			} else if !take(v, true) {
				return
			}
		case v, ok := <-b:
			if !ok {
				b = nil
			} else if !take(v, false) {
				return
			}
		}
	}
}

package bench

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/weir-go/weir/bench/internal/byhand"
	"github.com/weir-go/weir/bench/internal/peers"
	"github.com/weir-go/weir/bench/internal/weir"
	"github.com/weir-go/weir/bench/internal/work"
)

// BenchmarkSectionCalls asks what limiting, deduplicating, breaking and
// retrying cost around calls. All share only calls that are under way, and each
// item has a key of its own. With fail=10 one call in ten fails once, and is
// made again a millisecond later.
//
// impl=primitives is weir's primitives around the function of a Map. The others
// are composed around a function, too: by hand, of libraries, and by
// failsafe-go. impl=hand-ordered and impl=hand-slots keep the order in different
// ways.
func BenchmarkSectionCalls(b *testing.B) {
	for _, c := range []sectionCase{
		{call: "noop", workers: crew},
		{call: "noop", workers: crew, failing: true},
		{call: "1us", workers: crew},
		{call: "1us", workers: crew, failing: true},
		{call: "20us", workers: crew},
		{call: "1ms", workers: 64},
		{call: "1ms", workers: 256},
	} {
		b.Run(c.String(), sectionCalls(c).compare)
	}
}

// sectionCase is one of its cases.
type sectionCase struct {
	call    string
	workers int
	failing bool
}

func (c sectionCase) String() string {
	name := fmt.Sprintf("call=%s/workers=%d", c.call, c.workers)
	if c.failing {
		name += "/fail=10"
	}
	return name
}

// backOff is the wait before the second try.
const backOff = time.Millisecond

// enclosed is a way to make calls inside a limit, a dedup, a breaker and a retry.
type enclosed struct {
	name string
	free bool
	run  func(n, workers int, f work.Step) work.Haul
}

// enclosures has a way to run many calls for each way to compose them.
func enclosures() []enclosed {
	return []enclosed{
		{"weir", false, func(n, workers int, f work.Step) work.Haul {
			return weir.Timed(weir.Section(workers, f, backOff))(n)
		}},
		{"weir-untimed", false, func(n, workers int, f work.Step) work.Haul {
			return weir.Untimed(weir.Section(workers, f, backOff))(n)
		}},
		{"weir-free", true, func(n, workers int, f work.Step) work.Haul {
			return weir.Timed(weir.FreeSection(workers, f, backOff))(n)
		}},
		{"primitives", false, func(n, workers int, f work.Step) work.Haul {
			return weir.Timed(weir.Workers(workers, weir.Call(f, backOff)))(n)
		}},
		{"hand-ordered", false, func(n, workers int, f work.Step) work.Haul {
			return byhand.Ordered(n, workers, byhand.Call(f, backOff))
		}},
		{"hand-slots", false, func(n, workers int, f work.Step) work.Haul {
			return byhand.Slots(n, workers, 1, byhand.Call(f, backOff))
		}},
		{"hand-free", true, func(n, workers int, f work.Step) work.Haul {
			return byhand.Free(n, workers, byhand.Call(f, backOff))
		}},
		{"libraries-free", true, func(n, workers int, f work.Step) work.Haul {
			return byhand.Free(n, workers, peers.LibraryCall(f, backOff))
		}},
		{"failsafe-free", true, func(n, workers int, f work.Step) work.Haul {
			return byhand.Free(n, workers, peers.FailsafeCall(f, backOff))
		}},
	}
}

func sectionCalls(c sectionCase) question {
	f := stepOf(c.call)
	q := question{name: "SectionCalls/" + c.String(), adds: 1}
	for _, e := range enclosures() {
		q.impls = append(q.impls, implementation{name: e.name, free: e.free, run: func(n int) work.Haul {
			f := f
			if c.failing {
				f = work.Flaky(n, f)
			}
			return e.run(n, c.workers, f)
		}})
	}
	return q
}

// What fails is called again, and nothing else is.
func TestEachFailureIsTriedAgain(t *testing.T) {
	for _, e := range enclosures() {
		const n = 1000
		var calls atomic.Int64
		flaky := work.Flaky(n, work.Increment)
		h := e.run(n, crew, func(ctx context.Context, v int) (int, error) {
			calls.Add(1)
			return flaky(ctx, v)
		})
		assert.Equal(t, n, h.Count, e.name)
		assert.EqualValues(t, n+n/10, calls.Load(), e.name)
	}
}

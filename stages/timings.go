package stages

import (
	"fmt"
	"iter"
	"strings"
	"text/tabwriter"
	"time"
)

// Timing says what one stage cost one item.
type Timing struct {
	// Stage is the name of the stage.
	Stage string
	// Wait is the time between the end of the stage before (or the item's
	// entry into the flow) and the beginning of the work: queues, slots,
	// back-offs.
	Wait time.Duration
	// Work is the time spent on the item, summed over its attempts.
	Work time.Duration
	// Attempts is how often the stage tried; 1 unless a layer retries.
	Attempts int
}

// Timings is what each stage that an item passed cost it, in the order passed,
// also where the item failed. It is immutable and owns its memory.
//
// # Precision
//
// All times are nanoseconds of the monotonic clock. A clock read costs about
// 30 ns, which is as much as everything else the engine does for an item. So a
// stage reads the clock before and after each item as long as any of its last
// 64 items took a microsecond or more; those times are exact. A stage whose
// items are all cheaper than that shares the reads among up to 16 neighbours, or
// 64 where they take less than an eighth of a microsecond, and each of them shows
// the mean of its group: the error is below the group's total, that is below
// 16 µs. The one slow item that ends such a calm is shown by the mean of its
// group, too, and then the stage is back to exact times. Sums over a stage are
// exact in both cases. Where a stage goes on without having waited, the work
// begins when it was done with what it did before: to hand that on, some 0.1 µs,
// counts as work.
type Timings struct {
	nodes []*Node
	spans []span
	total time.Duration
}

// Len returns the number of stages passed.
func (t Timings) Len() int { return len(t.spans) }

// At returns the i-th stage passed, from 0. It panics where i is out of range.
func (t Timings) At(i int) Timing {
	s := t.spans[i]
	return Timing{
		Stage:    t.nodes[s.node].name,
		Wait:     time.Duration(s.wait),
		Work:     time.Duration(s.work),
		Attempts: int(s.attempts),
	}
}

// All ranges over the stages in the order passed.
func (t Timings) All() iter.Seq[Timing] {
	return func(yield func(Timing) bool) {
		for i := range t.spans {
			if !yield(t.At(i)) {
				return
			}
		}
	}
}

// Stage returns the timing of the named stage, and whether the item passed it.
func (t Timings) Stage(name string) (Timing, bool) {
	for tm := range t.All() {
		if tm.Stage == name {
			return tm, true
		}
	}
	return Timing{}, false
}

// Total returns the time from the item's entry into the flow to its exit. It
// is at least the sum of all waits and works; the rest is the wait before the
// exit.
func (t Timings) Total() time.Duration { return t.total }

// Slowest returns the stage that worked longest, the first of equals, and the
// zero Timing where the item passed none.
func (t Timings) Slowest() Timing { return t.pick(func(a, b Timing) bool { return a.Work > b.Work }) }

// Fastest returns the stage that worked shortest, the first of equals, and the
// zero Timing where the item passed none.
func (t Timings) Fastest() Timing { return t.pick(func(a, b Timing) bool { return a.Work < b.Work }) }

func (t Timings) pick(better func(a, b Timing) bool) Timing {
	var best Timing
	for i := range t.spans {
		if tm := t.At(i); i == 0 || better(tm, best) {
			best = tm
		}
	}
	return best
}

// String returns the timings as a table, a line for each stage.
func (t Timings) String() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "stage\twait\twork\tattempts\t")
	for tm := range t.All() {
		fmt.Fprintf(w, "%s\t%v\t%v\t%d\t\n", tm.Stage, tm.Wait, tm.Work, tm.Attempts)
	}
	fmt.Fprintf(w, "total\t%v\t\t\t\n", t.total)
	w.Flush() // a strings.Builder never fails
	return b.String()
}

// archive copies the timings of items that leave the flow, in blocks: a result
// belongs to its receiver, and its trail is used again. One allocation serves
// up to 64 items. It belongs to one goroutine.
type archive struct{ block []span }

func (a *archive) timings(rt *Runtime, t *trail, now int64) Timings {
	if t == nil || !rt.timed {
		return Timings{}
	}
	n := int(t.n)
	if cap(a.block)-len(a.block) < n {
		a.block = make([]span, 0, max(slabSize*n, n))
	}
	from := len(a.block)
	a.block = append(a.block, t.spans()...)
	return Timings{nodes: rt.nodes, spans: a.block[from:len(a.block):len(a.block)], total: time.Duration(now - t.born)}
}

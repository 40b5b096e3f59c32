package stages

import (
	"fmt"
	"iter"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/weir-go/weir/internal/lineage"
)

// Timing says what one stage cost one item.
type Timing struct {
	// Stage is the name of the stage.
	Stage string
	// Wait is the time between the end of the stage before (or the item's entry into the
	// flow) and the beginning of the work: queues, permits, back-offs.
	Wait time.Duration
	// Work is the time spent on the item, summed over its attempts.
	Work time.Duration
	// Attempts is how often the stage tried; 1 unless a layer retries.
	Attempts int
}

// Timings is what each stage that an item passed cost it, in the order passed. A failed
// item also has them. Timings are immutable and own their memory.
//
// # Precision
//
// All times are nanoseconds of the monotonic clock. A stage reads the clock before and
// after each item until 8 items in a row took less than 4 µs each. Those times are exact.
// While items stay that short, neighbours share the readings, in groups of 4 items. A group
// has 16 items if they take less than 1 µs, and 64 if they take less than 125 ns. Until 64
// short items came in a row, a group has at most a quarter of the number of them.
//
// Each item shows the mean of its group. So an item's error is below the total of its group:
// below 16 µs, unless one item of the group was slow. Then the group shows that item's time
// in parts, and the stage is back to exact times. Sums over a stage are exact in all cases.
// If a stage did not wait for an item, its work on the item begins when its work on the
// items before ended. So the time to send those on, about 0.1 µs, counts as work.
type Timings struct {
	spans []lineage.Timing
	total time.Duration
}

// TimingsOf returns timings that are made by hand, for tests and for results that come from
// elsewhere.
func TimingsOf(total time.Duration, passed ...Timing) Timings {
	t := Timings{make([]lineage.Timing, len(passed)), total}
	for i, one := range passed {
		t.spans[i] = lineage.Timing(one)
	}
	return t
}

// Len returns the number of stages passed.
func (t Timings) Len() int { return len(t.spans) }

// At returns the i-th stage passed, from 0. It panics if i is out of range.
func (t Timings) At(i int) Timing { return Timing(t.spans[i]) }

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

// Total returns the time from the item's entry into the flow to its exit. It is at least
// the sum of all waits and works; the rest is the wait before the exit.
func (t Timings) Total() time.Duration { return t.total }

// Slowest returns the stage that worked longest, the first of equals, and the zero Timing
// if the item passed none.
func (t Timings) Slowest() Timing { return t.pick(func(a, b Timing) bool { return a.Work > b.Work }) }

// Fastest returns the stage that worked shortest, the first of equals, and the zero Timing
// if the item passed none.
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

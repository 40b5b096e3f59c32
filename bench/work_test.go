package bench

import (
	"fmt"
	"testing"
	"time"

	"github.com/weir-go/weir/bench/internal/byhand"
	"github.com/weir-go/weir/bench/internal/peers"
	"github.com/weir-go/weir/bench/internal/weir"
	"github.com/weir-go/weir/bench/internal/work"
)

// BenchmarkThreeStages asks what it costs to move an item through three stages
// that do next to nothing, one worker each.
func BenchmarkThreeStages(b *testing.B) { rows("ThreeStages", 3, "noop").compare(b) }

// BenchmarkTenStages asks how the cost of an item grows with the stages: beside
// BenchmarkThreeStages, a seventh of the difference is the cost of a stage.
func BenchmarkTenStages(b *testing.B) { rows("TenStages", 10, "noop").compare(b) }

// BenchmarkWork asks the same of three stages that have something to do, which
// keeps a processor busy.
func BenchmarkWork(b *testing.B) {
	for _, w := range []string{"100ns", "1us", "20us"} {
		b.Run("work="+w, rows("Work", 3, w).compare)
	}
}

// stepOf returns the step of a name: noop, or a time. A step of a millisecond
// or more sleeps, as a call to a remote service does; a shorter one computes.
func stepOf(name string) work.Step {
	if name == "noop" {
		return work.Increment
	}
	d, err := time.ParseDuration(name)
	switch {
	case err != nil:
		panic(fmt.Sprintf("step %q: %v", name, err))
	case d < time.Millisecond:
		return work.Spin(d)
	}
	return work.Nap(d)
}

// rows is some stages in a row, of one worker each.
func rows(name string, stages int, step string) question {
	f := stepOf(step)
	by := func(row func(n, stages int, f work.Step) work.Haul) work.Run {
		return func(n int) work.Haul { return row(n, stages, f) }
	}
	return question{name: name, adds: stages, impls: append(weirs(weir.Row(stages, f)),
		implementation{name: "channels", run: by(byhand.Row)},
		implementation{name: "chunks", run: by(byhand.Chunks)},
		implementation{name: "loop", run: by(byhand.Loop)},
		implementation{name: "rill", run: by(peers.RillRow)},
		implementation{name: "gostreams", run: by(peers.GoStreamsRow)},
		implementation{name: "ro", run: by(peers.RoRow)},
	)}
}

package bench

import (
	"testing"
	"time"

	"github.com/weir-go/weir/bench/internal/byhand"
	"github.com/weir-go/weir/bench/internal/weir"
	"github.com/weir-go/weir/bench/internal/work"
)

// noTimeout is a time that no call takes.
const noTimeout = time.Minute

// BenchmarkTimeout asks what a timeout adds to a section. impl=weir has one,
// impl=without is the same section without; impl=hand and impl=hand-without are
// workers by hand.
func BenchmarkTimeout(b *testing.B) {
	for _, call := range []string{"noop", "1us"} {
		b.Run("call="+call, timeouts(call).compare)
	}
}

func timeouts(call string) question {
	f := stepOf(call)
	hand := func(f work.Step) work.Run {
		return func(n int) work.Haul { return byhand.Slots(n, crew, 1, f) }
	}
	return question{name: "Timeout/call=" + call, adds: 1, impls: append(weirs(weir.Timeout(crew, f, noTimeout)),
		implementation{name: "without", run: weir.Timed(weir.Guarded(crew, f))},
		implementation{name: "hand", run: hand(byhand.Timeout(f, noTimeout))},
		implementation{name: "hand-without", run: hand(f)},
	)}
}

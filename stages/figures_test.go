package stages_test

import (
	"fmt"
	"iter"

	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/dedup"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/limiter"
	"github.com/weir-go/weir/primitives/retry"
	"github.com/weir-go/weir/stages"
)

// The primitives do not know this package, and have the methods all the same.
var _ = []stages.Figures{guard.Snapshot{}, dedup.Snapshot{}, breaker.Snapshot{}, retry.Snapshot{}, limiter.Snapshot{}}

var _ = []stages.Labels{guard.Snapshot{}, dedup.Snapshot{}, breaker.Snapshot{}, retry.Snapshot{}, limiter.Snapshot{}}

// lag is what a source of your own shows of itself.
type lag struct{ behind, unacked int }

func (l lag) Figures() iter.Seq2[string, float64] {
	return func(yield func(string, float64) bool) {
		_ = yield("lag", float64(l.behind)) && yield("unacked", float64(l.unacked))
	}
}

func (l lag) Labels() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) { yield("kind", "queue") }
}

func ExampleFigures() {
	var f stages.Figures = lag{behind: 12, unacked: 3}
	for name, value := range f.Figures() {
		fmt.Println(name, value)
	}
	// Output:
	// lag 12
	// unacked 3
}

func ExampleLabels() {
	var l stages.Labels = lag{}
	for name, text := range l.Labels() {
		fmt.Println(name, text)
	}
	// Output: kind queue
}

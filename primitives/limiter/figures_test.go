package limiter_test

import (
	"fmt"
	"testing"

	"github.com/weir-go/weir/primitives/internal/figurestest"
	"github.com/weir-go/weir/primitives/limiter"
)

// Every number of the snapshot has a name of its own: one that is forgotten, or shown twice, is
// missed here.
func TestEachNumberOfTheSnapshotIsAFigure(t *testing.T) {
	figurestest.Check(t, &limiter.Snapshot{}, "limiter")
}

func ExampleSnapshot_Labels() {
	for name, text := range (limiter.Snapshot{Name: "model"}).Labels() {
		if name == "kind" || name == "name" {
			fmt.Println(name, text)
		}
	}
	// Output:
	// kind limiter
	// name model
}

func ExampleSnapshot_Figures() {
	for name, value := range (limiter.Snapshot{Rate: 10, Burst: 2}).Figures() {
		if value > 0 {
			fmt.Println(name, value)
		}
	}
	// Output:
	// units_per_second 10
	// burst 2
}

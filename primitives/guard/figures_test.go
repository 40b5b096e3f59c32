package guard_test

import (
	"fmt"
	"testing"

	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/internal/figurestest"
)

// Every number of the snapshot has a name of its own: one that is forgotten, or shown twice, is
// missed here.
func TestEachNumberOfTheSnapshotIsAFigure(t *testing.T) {
	figurestest.Check(t, &guard.Snapshot{}, "guard")
}

func ExampleSnapshot_Labels() {
	for name, text := range (guard.Snapshot{Name: "model"}).Labels() {
		if name == "kind" || name == "name" {
			fmt.Println(name, text)
		}
	}
	// Output:
	// kind guard
	// name model
}

func ExampleSnapshot_Figures() {
	for name, value := range (guard.Snapshot{Capacity: 64, Depth: 3}).Figures() {
		if value > 0 {
			fmt.Println(name, value)
		}
	}
	// Output:
	// capacity 64
	// in_use 3
}

package breaker_test

import (
	"fmt"
	"testing"

	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/internal/figurestest"
)

// Every number of the snapshot has a name of its own: one that is forgotten, or shown twice, is
// missed here.
func TestEachNumberOfTheSnapshotIsAFigure(t *testing.T) {
	figurestest.Check(t, &breaker.Snapshot{}, "breaker")
}

func ExampleSnapshot_Labels() {
	for name, text := range (breaker.Snapshot{Name: "model"}).Labels() {
		if name == "kind" || name == "name" {
			fmt.Println(name, text)
		}
	}
	// Output:
	// kind breaker
	// name model
}

func ExampleSnapshot_Figures() {
	for name, value := range (breaker.Snapshot{State: breaker.Open, Rejected: 7}).Figures() {
		if value > 0 {
			fmt.Println(name, value)
		}
	}
	// Output:
	// state 1
	// rejected_total 7
}

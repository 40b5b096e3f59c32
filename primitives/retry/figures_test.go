package retry_test

import (
	"fmt"
	"testing"

	"github.com/weir-go/weir/primitives/internal/figurestest"
	"github.com/weir-go/weir/primitives/retry"
)

// Every number of the snapshot has a name of its own: one that is forgotten, or shown twice, is
// missed here.
func TestEachNumberOfTheSnapshotIsAFigure(t *testing.T) {
	figurestest.Check(t, &retry.Snapshot{}, "retry")
}

func ExampleSnapshot_Labels() {
	for name, text := range (retry.Snapshot{Name: "model"}).Labels() {
		if name == "kind" || name == "name" {
			fmt.Println(name, text)
		}
	}
	// Output:
	// kind retry
	// name model
}

func ExampleSnapshot_Figures() {
	for name, value := range (retry.Snapshot{Attempts: 5, Retries: 2}).Figures() {
		if value > 0 {
			fmt.Println(name, value)
		}
	}
	// Output:
	// attempts_total 5
	// retries_total 2
}

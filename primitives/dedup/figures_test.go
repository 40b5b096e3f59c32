package dedup_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/weir-go/weir/primitives/dedup"
	"github.com/weir-go/weir/primitives/internal/figurestest"
)

// Every number of the snapshot has a name of its own: one that is forgotten, or shown twice, is
// missed here.
func TestEachNumberOfTheSnapshotIsAFigure(t *testing.T) {
	figurestest.Check(t, &dedup.Snapshot{}, "dedup")
}

func ExampleSnapshot_Labels() {
	for name, text := range (dedup.Snapshot{Name: "model"}).Labels() {
		if name == "kind" || name == "name" {
			fmt.Println(name, text)
		}
	}
	// Output:
	// kind dedup
	// name model
}

func ExampleSnapshot_Figures() {
	for name, value := range (dedup.Snapshot{TTL: time.Minute, Hits: 3}).Figures() {
		if value > 0 {
			fmt.Println(name, value)
		}
	}
	// Output:
	// ttl_seconds 60
	// hits_total 3
}

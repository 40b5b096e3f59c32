package storetest

import (
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/weir-go/weir/primitives/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The suite also runs without a bubble, on real time.
func TestMemoryConformsInRealTime(t *testing.T) {
	Run(t, func() []store.Store { return []store.Store{store.NewMemory()} }, Unit(50*time.Millisecond))
}

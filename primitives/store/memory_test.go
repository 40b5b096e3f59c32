package store_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/weir-go/weir/primitives/store"
	"github.com/weir-go/weir/primitives/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Checklist row 37: the store in memory passes the suite that is offered to
// others.
func TestMemoryConforms(t *testing.T) {
	storetest.Run(t, func() []store.Store { return []store.Store{store.NewMemory()} }, storetest.Virtual())
}

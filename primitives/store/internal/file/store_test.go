package file_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/weir-go/weir/primitives/store"
	"github.com/weir-go/weir/primitives/store/internal/file"
	"github.com/weir-go/weir/primitives/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Checklist rows 36 and 37: state that goes through a file survives being
// serialised, and two processes see the same.
func TestFileConforms(t *testing.T) {
	var dir string
	storetest.Run(t, func() []store.Store {
		made, err := os.MkdirTemp(t.TempDir(), "")
		require.NoError(t, err)
		dir = made
		return []store.Store{file.Store{Dir: dir}, file.Store{Dir: dir}}
	}, storetest.Virtual(), storetest.Wiped(func() { require.NoError(t, os.Remove(filepath.Join(dir, "state.json"))) }))
}

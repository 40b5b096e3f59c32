package godoc

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFirstSource(t *testing.T) {
	bare, full := t.TempDir(), t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(bare, "src"), 0o755))
	require.NoError(t, os.MkdirAll(filepath.Join(full, "src", "errors"), 0o755))
	noGo := errors.New("go: not found")

	got, err := firstSource([]string{"", bare, full}, noGo)
	require.NoError(t, err)
	require.Equal(t, filepath.Join(full, "src"), got)

	_, err = firstSource([]string{bare}, noGo)
	require.ErrorContains(t, err, "standard library's source was not found: go: not found; stat "+bare)
	require.NotContains(t, err.Error(), "\n")

	_, err = firstSource(nil, nil)
	require.ErrorContains(t, err, "neither the go command nor GOROOT names it")
}

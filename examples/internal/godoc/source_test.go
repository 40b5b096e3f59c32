package godoc

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

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

// The go command may leave a process behind that holds its output open: the search
// waited for it beyond the end of the context.
func TestSourceDoesNotWaitForWhatTheGoCommandLeavesBehind(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there is no sh")
	}
	bin := t.TempDir()
	script := "#!/bin/sh\nsleep 12 &\nsleep 12\n"
	require.NoError(t, os.WriteFile(filepath.Join(bin, "go"), []byte(script), 0o755))
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	begun := time.Now()
	_, err := Source(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Less(t, time.Since(begun), 10*time.Second)
}

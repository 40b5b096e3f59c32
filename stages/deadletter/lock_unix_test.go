//go:build darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd

package deadletter

import (
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// The fault: a child that is being started has the open files of its parent for a moment. A lock that was
// closed meanwhile was held on, and the file could not be opened again.
func TestALockThatIsClosedIsFreeWhileAChildStarts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "letters")
	l, err := acquire(path)
	require.NoError(t, err)
	inChild, err := syscall.Dup(int(l.file.Fd()))
	require.NoError(t, err)
	defer func() { _ = syscall.Close(inChild) }()
	require.NoError(t, l.Close())
	again, err := acquire(path)
	require.NoError(t, err)
	require.NoError(t, again.Close())
}

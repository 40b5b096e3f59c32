//go:build linux

package deadletter

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/stages"
)

// tmpfs returns the path of a file system of its own with n bytes of room. The test
// is skipped if that is not allowed.
func tmpfs(t *testing.T, n string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("weir", dir, "tmpfs", 0, "size="+n); err != nil {
		t.Skip("mount: ", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, 0) })
	return dir
}

// fill writes to the file system until not a byte more has room.
func fill(t *testing.T, dir string) {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, "ballast"))
	require.NoError(t, err)
	for _, size := range []int{1 << 16, 1} {
		for b := make([]byte, size); err == nil; {
			_, err = f.Write(b)
		}
		require.ErrorIs(t, err, syscall.ENOSPC)
		err = nil
	}
	require.NoError(t, f.Close())
}

// The disk is full of letters. They can be taken out all the same, and that makes
// room: a new letter has a place.
func TestLettersCanBeTakenOutOfAFullDisk(t *testing.T) {
	dir := tmpfs(t, "1m")
	path := filepath.Join(dir, "letters")
	a := openedBox(t, path)
	a.put(0, 150)
	fill(t, dir)
	require.ErrorIs(t, a.Put(t.Context(), &stages.ItemError{Value: thick(7), Err: errFlaky}), syscall.ENOSPC)
	a.has(numbers(1, 151)...)
	a.remove(1, 21)
	a.has(numbers(21, 151)...)
	require.NoError(t, a.Close())

	a = openedBox(t, path)
	a.has(numbers(21, 151)...)
	a.remove(21, 149)
	a.has(149, 150)
	require.Less(t, sizeOf(t, path), int64(2*compactAt))
	a.put(150, 151)
	a.has(149, 150, 151)
	require.NoError(t, a.Close())
	a = openedBox(t, path)
	a.has(149, 150, 151)
}

//go:build darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd || windows

package deadletter

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// process is a second process. It is running when it has said its first line.
type process struct {
	*exec.Cmd
	says string
	in   io.Closer
}

func secondProcess(t *testing.T, path string) *process {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), inTheBackground+"="+path)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	says, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	return &process{cmd, strings.TrimSpace(says), in}
}

// Two processes that append to one file would each compact it over the other's
// letters, and give the same numbers. No bubble: a real process.
func TestOneProcessAtATimeHasTheFileOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "letters")
	begun := time.Now().Add(-time.Second)
	p := secondProcess(t, path)
	require.Equal(t, "holding", p.says)
	_, err := OpenFile[int](path)
	require.ErrorIs(t, err, ErrLocked)
	var locked *LockedError
	require.ErrorAs(t, err, &locked)
	itself, err := filepath.EvalSymlinks(path)
	require.NoError(t, err)
	require.Equal(t, itself, locked.Path)
	require.Equal(t, p.Process.Pid, locked.PID)
	host, err := os.Hostname()
	require.NoError(t, err)
	require.Equal(t, host, locked.Host)
	require.WithinRange(t, locked.Since, begun, time.Now())
	require.ErrorContains(t, locked, fmt.Sprintf("letters is open in process %d on %s since %d-", p.Process.Pid, host, begun.Year()))

	require.NoError(t, p.in.Close())
	require.NoError(t, p.Wait())
	f := openedFile(t, path)
	require.Equal(t, []int{2}, values(letters(t, f)))
	require.Contains(t, secondProcess(t, path).says, fmt.Sprintf("open in process %d on", os.Getpid()))
}

// The lock ends with its process, whatever ends that.
func TestTheLockOfAKilledProcessIsFree(t *testing.T) {
	path := filepath.Join(t.TempDir(), "letters")
	for range 3 {
		p := secondProcess(t, path)
		require.Equal(t, "holding", p.says)
		require.NoError(t, p.Process.Kill())
		require.Error(t, p.Wait())
	}
	require.Equal(t, []int{2, 2, 2}, values(letters(t, openedFile(t, path))))
}

// One file under two names, and two Files of one process, are no way around the
// lock. Compaction, which puts another file in place, does not open one.
func TestTheLockIsOfTheFileItself(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "letters"), filepath.Join(dir, "link")
	a := openedBox(t, path)
	require.NoError(t, os.Symlink(path, link))
	shut := func() {
		t.Helper()
		for _, name := range []string{path, link} {
			_, err := OpenFile[string](name)
			require.ErrorIs(t, err, ErrLocked)
		}
		require.Contains(t, secondProcess(t, link).says, "is open in process")
	}
	shut()
	a.put(0, 40)
	a.remove(1, 40)
	require.Less(t, sizeOf(t, path), int64(compactAt), "compacted")
	shut()
	require.NoError(t, a.Close())
	require.Equal(t, "holding", secondProcess(t, link).says)
}

// On a full disk the name of the holder has no room.
func TestALockWithoutAName(t *testing.T) {
	path := filepath.Join(t.TempDir(), "letters")
	openedFile(t, path)
	require.NoError(t, os.Truncate(path+locking, 0))
	_, err := OpenFile[int](path)
	require.ErrorIs(t, err, ErrLocked)
	require.ErrorContains(t, err, "letters is open in an unknown process")
}

func TestAFileThatCannotBeLockedIsNotOpened(t *testing.T) {
	path := filepath.Join(t.TempDir(), "letters")
	require.NoError(t, os.Mkdir(path+locking, 0o700))
	_, err := OpenFile[int](path)
	require.ErrorContains(t, err, "deadletter: open")
	require.NotErrorIs(t, err, ErrLocked)
}

// The second Close tried to unlock a file that was closed, and told so in three lines.
func TestAFileIsClosedOnce(t *testing.T) {
	f, err := OpenFile[int](filepath.Join(t.TempDir(), "dead.jsonl"))
	require.NoError(t, err)
	require.NoError(t, f.Close())
	require.EqualError(t, f.Close(), "deadletter: file already closed")
}

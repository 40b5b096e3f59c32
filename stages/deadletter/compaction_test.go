package deadletter

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/stages"
)

// thick is a value of 4 KiB that can be told from others.
func thick(n int) string { return fmt.Sprintf("%d %s", n, strings.Repeat("x", 4<<10)) }

// letterBox is a file of letters to be compacted.
type letterBox struct {
	*File[string]
	t *testing.T
}

func openedBox(t *testing.T, path string) letterBox {
	t.Helper()
	f, err := OpenFile[string](path)
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.Close() })
	return letterBox{f, t}
}

// put keeps thick values from first up to and without end, as one batch.
func (a letterBox) put(first, end int) {
	var values []string
	for n := first; n < end; n++ {
		values = append(values, thick(n))
	}
	require.NoError(a.t, a.Put(a.t.Context(), &stages.ItemError{Stage: "s", Value: values, Err: errFlaky}))
}

func (a letterBox) remove(first, end uint64) {
	for id := first; id < end; id++ {
		require.NoError(a.t, a.Remove(a.t.Context(), id))
	}
}

// has requires just these letters, by their IDs, and that each is what it was: the
// value of the letter n is n-1.
func (a letterBox) has(ids ...uint64) {
	a.t.Helper()
	var got []uint64
	for _, l := range letters(a.t, a) {
		require.Equal(a.t, thick(int(l.ID)-1), l.Value)
		got = append(got, l.ID)
	}
	require.Equal(a.t, ids, got)
	require.Equal(a.t, len(ids), a.Len())
}

// die is what the end of its process does to an open file.
func (a letterBox) die() { _ = a.journal.close() }

func sizeOf(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	require.NoError(t, err)
	return info.Size()
}

// What was taken out is gone from the file as soon as it is most of it, and
// neither a range that goes on nor a later process notices.
func TestLettersThatAreTakenOutMakeRoom(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "letters")
	a := openedBox(t, path)
	require.NoError(t, os.Chmod(path, 0o640))
	a.put(0, 40)
	var read []uint64
	for l, err := range a.Letters(t.Context()) {
		require.NoError(t, err)
		if read = append(read, l.ID); len(read) == 1 {
			a.remove(3, 41) // also the last
		}
	}
	require.Len(t, read, 40, "as it was when the range began")
	require.Less(t, sizeOf(t, path), int64(2*compactAt))
	a.has(1, 2)
	a.put(40, 41)
	a.has(1, 2, 41)
	a.remove(41, 42)
	require.NoError(t, a.Close())

	a = openedBox(t, path)
	a.has(1, 2)
	a.put(41, 42)
	a.has(1, 2, 42)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o640), info.Mode().Perm())
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, files, 2, "nothing else is left")
	require.Equal(t, "letters.lock", files[1].Name())
}

// A number is not given twice, also when all that is known of it is that it was.
func TestTheLastNumberOutlivesItsLetter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "letters")
	a := openedBox(t, path)
	a.put(0, 20)
	a.remove(1, 21)
	require.Less(t, sizeOf(t, path), int64(compactAt))
	require.NoError(t, a.Close())
	a = openedBox(t, path)
	a.put(20, 21)
	a.has(21)
}

// A file of the time when nothing was compacted, behind a link, with a line that is
// no letter: that line stays, and is named by where it is now.
func TestAnOldFileIsCompactedWhenItIsOpened(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "letters"), filepath.Join(dir, "link")
	a := openedBox(t, path)
	a.journal.frozen = true
	a.put(0, 40)
	a.remove(2, 40)
	require.NoError(t, a.Close())
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	before, after, _ := strings.Cut(string(whole), "{\"id\":40,")
	require.NoError(t, os.WriteFile(path, []byte(before+"{\"id\":3\n{\"id\":40,"+after), 0o600))
	require.NoError(t, os.Symlink(path, link))

	a = openedBox(t, link)
	require.Less(t, sizeOf(t, path), int64(compactAt))
	a.has(1, 40)
	require.ErrorContains(t, a.Skipped(), "letters:2: no dead letter")
	require.NoError(t, a.Close())
	a = openedBox(t, path)
	require.ErrorContains(t, a.Skipped(), "letters:2: no dead letter", "it is there to be looked at")
	a.has(1, 40)
}

// Whenever the process dies, there is a file with all letters.
func TestACrashInTheMiddleOfCompacting(t *testing.T) {
	for name, crash := range map[string]func(t *testing.T, a letterBox){
		"before anything is written": func(t *testing.T, a letterBox) {
			require.NoError(t, os.WriteFile(a.journal.path+compacting, nil, 0o600))
		},
		"in the middle of a line": func(t *testing.T, a letterBox) {
			fresh, err := a.journal.rewrite()
			require.NoError(t, err)
			require.NoError(t, fresh.file.Truncate(fresh.size/2))
			require.NoError(t, fresh.file.Close())
		},
		"before the rename": func(t *testing.T, a letterBox) {
			fresh, err := a.journal.rewrite()
			require.NoError(t, err)
			require.NoError(t, fresh.file.Close())
		},
		"after the rename": func(t *testing.T, a letterBox) { require.NoError(t, a.journal.replace()) },
		"a rename that the disk has not seen": func(t *testing.T, a letterBox) {
			old, err := os.ReadFile(a.journal.path)
			require.NoError(t, err)
			require.NoError(t, a.journal.replace())
			require.NoError(t, os.WriteFile(a.journal.path, old, 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "letters")
			a := openedBox(t, path)
			a.put(0, 6)
			a.remove(2, 5)
			crash(t, a)
			a.die()
			b := openedBox(t, path)
			b.has(1, 5, 6)
			require.NoFileExists(t, path+compacting)
			b.put(6, 7)
			b.has(1, 5, 6, 7)
			require.NoError(t, b.Skipped())
		})
	}
}

// Put and Remove wait meanwhile, and lose nothing. No bubble:
// real files, and real parallelism is the point.
func TestLettersComeAndGoWhileTheFileIsCompacted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "letters")
	a := openedBox(t, path)
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for n := range 25 {
				kept := thick(100*w + n)
				assert.NoError(t, a.Put(t.Context(), &stages.ItemError{Value: kept, Err: errFlaky}))
				for l, err := range a.Letters(t.Context()) {
					assert.NoError(t, err)
					if l.Value == kept && n%5 > 0 {
						assert.NoError(t, a.Remove(t.Context(), l.ID))
					}
				}
			}
		})
	}
	wg.Wait()
	require.Less(t, a.journal.size, int64(100*4<<10), "it was compacted")
	require.Equal(t, sizeOf(t, path), a.journal.size)
	for range 2 {
		var left []string
		for _, l := range letters(t, a) {
			left = append(left, l.Value)
		}
		var want []string
		for w := range 4 {
			for n := 0; n < 25; n += 5 {
				want = append(want, thick(100*w+n))
			}
		}
		require.ElementsMatch(t, want, left)
		require.True(t, slices.IsSortedFunc(letters(t, a), func(a, b Letter[string]) int { return int(a.ID) - int(b.ID) }))
		require.NoError(t, a.Close())
		a = openedBox(t, path)
	}
}

// A file that cannot be compacted goes on as it is; Close says so, and there is
// another try when it is worth its cost.
func TestAFileThatCannotBeCompactedGoesOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "letters")
	a := openedBox(t, path)
	inTheWay := filepath.Join(path+compacting, "in the way")
	require.NoError(t, os.MkdirAll(inTheWay, 0o700))
	a.put(0, 100)
	var left []uint64
	for id := uint64(1); id <= 100; id++ {
		if id%3 == 0 {
			left = append(left, id)
		} else {
			a.remove(id, id+1)
		}
	}
	require.Greater(t, sizeOf(t, path), int64(100*4<<10))
	a.has(left...)
	err := a.Close()
	require.ErrorContains(t, err, "deadletter: compact: remove")
	require.ErrorContains(t, err, "does not fit into the first gap")

	a = openedBox(t, path)
	require.NoError(t, os.RemoveAll(path+compacting))
	for _, id := range left[:16] {
		a.remove(id, id+1)
	}
	require.Greater(t, sizeOf(t, path), int64(100*4<<10), "not at each letter")
	a.remove(left[16], left[16]+1)
	require.Less(t, sizeOf(t, path), int64(17*4<<10))
	a.has(left[17:]...)
	require.NoError(t, a.Close())
}

func numbers(first, end uint64) (all []uint64) {
	for n := first; n < end; n++ {
		all = append(all, n)
	}
	return all
}

package deadletter

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/stages"
)

// nothing is the chance that nothing unsynced is on disk after a crash.
func nothing(n int) int { return n - 1 }

// everything is the chance that all of it is.
func everything(int) int { return 0 }

// boxOn opens a file of letters on a disk in memory.
func boxOn(t *testing.T, d *memDisk) letterBox {
	t.Helper()
	f, err := openOn[string](d, "letters", compactAt)
	require.NoError(t, err)
	return letterBox{f, t}
}

// failing makes the nth of the operations of a kind fail, and those after it if
// for ever.
func failing(op string, nth int, forEver bool) func(string, string) error {
	return func(o, path string) error {
		if o != op {
			return nil
		}
		if nth--; nth == 0 || nth < 0 && forEver {
			return fmt.Errorf("%s %s: %w", op, path, syscall.EIO)
		}
		return nil
	}
}

// A crash right after Put or Remove finds what they did on disk. It would not, if
// either forgot to sync.
func TestWhatIsPutAndRemovedIsOnDisk(t *testing.T) {
	d := newMemDisk()
	d.chance = nothing
	a := boxOn(t, d)
	a.put(0, 3)
	d.crash()
	a = boxOn(t, d)
	a.has(1, 2, 3)
	a.remove(2, 3)
	d.crash()
	a = boxOn(t, d)
	a.has(1, 3)
	a.put(3, 60)
	a.remove(3, 58)
	require.Less(t, d.used(), compactAt, "compacted")
	a.put(60, 61)
	d.crash()
	a = boxOn(t, d)
	a.has(1, 58, 59, 60, 61)
}

// A write that is cut short leaves half a line behind, which is cut off before the
// next letter comes. If it cannot be cut off, there is no next letter.
func TestATornWriteIsCutOff(t *testing.T) {
	for _, op := range []string{"write", "sync"} {
		t.Run(op, func(t *testing.T) {
			d := newMemDisk()
			d.chance = everything
			a := boxOn(t, d)
			a.put(0, 2)
			torn := &stages.ItemError{Value: []string{thick(100), thick(101)}, Err: errFlaky}
			d.faults = failing(op, 1, false)
			require.ErrorIs(t, a.Put(t.Context(), torn), syscall.EIO)
			require.Equal(t, a.journal.size, int64(len(d.names["letters"].data)), "cut off at once")
			a.put(2, 3)
			a.has(1, 2, 3)

			d.faults = func(o, path string) error {
				if o == op || o == "truncate" {
					return syscall.EIO
				}
				return nil
			}
			require.ErrorIs(t, a.Put(t.Context(), torn), syscall.EIO)
			d.faults = failing("truncate", 1, false)
			require.ErrorIs(t, a.Put(t.Context(), torn), syscall.EIO, "what is torn is in the way")
			a.has(1, 2, 3)
			a.put(3, 6)
			a.has(1, 2, 3, 4, 5, 6)
			d.crash()
			a = boxOn(t, d)
			a.has(1, 2, 3, 4, 5, 6)
			require.NoError(t, a.Skipped())
		})
	}
}

// A letter that could not be put does not come back after a crash. The fault: that it was cut off was
// not on disk.
func TestALetterThatCouldNotBePutStaysAway(t *testing.T) {
	d := newMemDisk()
	a := boxOn(t, d)
	a.put(0, 2)
	d.faults = failing("sync", 1, false)
	require.ErrorIs(t, a.Put(t.Context(), &stages.ItemError{Value: "short", Err: errFlaky}), syscall.EIO)
	d.faults = nil
	d.chance = func() func(int) int { // the pieces of the letter are on disk, and what came behind is not
		pieces := len(d.names["letters"].pending) - 1
		return func(n int) int {
			if pieces--; pieces >= 0 {
				return everything(n)
			}
			return nothing(n)
		}
	}()
	d.crash()
	a = boxOn(t, d)
	a.has(1, 2)
	require.NoError(t, a.Skipped())
}

// A line that a crash has cut short stays, and letters come behind it.
func TestLettersComeBehindATornLine(t *testing.T) {
	d := newMemDisk()
	a := boxOn(t, d)
	a.put(0, 3)
	d.chance = everything
	whole := len(d.names["letters"].data)
	d.faults = func(op, _ string) error { // the process dies in the middle of the write
		if op != "write" {
			return syscall.EIO
		}
		d.faults = func(string, string) error { return syscall.EIO }
		return syscall.EIO
	}
	require.Error(t, a.Put(t.Context(), &stages.ItemError{Value: thick(3), Err: errFlaky}))
	d.faults = nil
	d.crash()
	require.Greater(t, len(d.names["letters"].data), whole+1000, "half a line is there")

	for first := 3; first < 9; first += 3 {
		a = boxOn(t, d)
		require.ErrorContains(t, a.Skipped(), "letters:4: no dead letter")
		require.NotContains(t, a.Skipped().Error(), "\n", "one line")
		a.put(first, first+3)
		a.has(numbers(1, uint64(first)+4)...)
		require.NoError(t, a.Close())
	}
	a = boxOn(t, d)
	a.has(numbers(1, 10)...)
}

// The numbers go on where they ended, also if the last letters are gone.
func TestNumbersGoOnAfterReopening(t *testing.T) {
	d := newMemDisk()
	want := []uint64{}
	for round := range 5 {
		a := boxOn(t, d)
		a.put(3*round, 3*round+3)
		n := uint64(3*round) + 1
		a.remove(n+1, n+3)
		want = append(want, n)
		a.has(want...)
		require.NoError(t, a.Close())
	}
}

// A letter that cannot be taken out stays, and so says the error.
func TestALetterThatCannotBeTakenOutStays(t *testing.T) {
	d := newMemDisk()
	a := boxOn(t, d)
	a.put(0, 2)
	d.faults = failing("write", 1, true)
	require.ErrorIs(t, a.Remove(t.Context(), 1), syscall.EIO)
	a.has(1, 2)
	d.faults = failing("sync", 1, true)
	require.ErrorIs(t, a.Remove(t.Context(), 1), syscall.EIO)
	a.has(1, 2)
	d.faults = nil
	a.remove(1, 2)
	a.has(2)
}

// Without room a letter is struck out where it stands, and that outlives a crash.
func TestALetterIsStruckOutOnAFullDisk(t *testing.T) {
	d := newMemDisk()
	d.chance = nothing
	a := boxOn(t, d)
	a.put(0, 3)
	d.room = d.used()
	require.ErrorIs(t, a.Put(t.Context(), &stages.ItemError{Value: "x", Err: errFlaky}), errNoRoom)
	a.remove(3, 4)
	a.has(1, 2)
	d.crash()
	a = boxOn(t, d)
	require.NoError(t, a.Skipped())
	a.has(1, 2)
	d.room = 0
	a.put(3, 4)
	a.has(1, 2, 4)
}

// A range sees the letters that were there when it began, and also letters that are
// struck out meanwhile. The file is not compacted in place below it.
func TestARangeOnAFullDisk(t *testing.T) {
	d := newMemDisk()
	a := boxOn(t, d)
	a.put(0, 40)
	d.room = d.used()
	var read []uint64
	for l, err := range a.Letters(t.Context()) {
		require.NoError(t, err)
		require.Equal(t, thick(int(l.ID)-1), l.Value)
		read = append(read, l.ID)
		a.remove(l.ID, l.ID+1)
		require.Equal(t, d.room, d.used())
	}
	require.Equal(t, numbers(1, 41), read)
	require.Equal(t, len("{\"removed\":40}\n"), d.used(), "compacted at the end of the range")
	a.put(40, 42)
	a.has(41, 42)
}

// A directory that cannot be synced: the file is compacted in place.
func TestAFileThatCannotBeReplacedIsCompactedInPlace(t *testing.T) {
	d := newMemDisk()
	d.noPlace = true
	a := boxOn(t, d)
	a.put(0, 40)
	node := d.names["letters"]
	a.remove(3, 40)
	require.Less(t, d.used(), 2*compactAt)
	require.Same(t, node, d.names["letters"])
	a.has(1, 2, 40)
	a.put(40, 41)
	require.NoError(t, a.Close())
	a = boxOn(t, d)
	require.NoError(t, a.Skipped())
	a.has(1, 2, 40, 41)
}

// Whenever the process dies while the file is compacted in place, all letters are
// there but the ones that were taken out.
func TestACrashInTheMiddleOfCompactingInPlace(t *testing.T) {
	chances := map[string]func(int) int{"nothing": nothing, "everything": everything, "every other": func() func(int) int {
		n := 0
		return func(int) int { n++; return n % 2 }
	}()}
	for name, chance := range chances {
		for step := 1; ; step++ {
			d := newMemDisk()
			a := boxOn(t, d)
			a.put(0, 25)
			a.journal.frozen = true // not yet
			for _, id := range []uint64{3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 17, 19, 20, 21, 22, 23, 24, 25} {
				a.remove(id, id+1)
			}
			a.journal.frozen = false
			a.journal.pinned = true
			d.chance = chance
			steps := step
			d.faults = func(op, _ string) error {
				if op == "read" || op == "close" {
					return nil
				}
				if steps--; steps <= 0 {
					return syscall.EIO
				}
				return nil
			}
			a.journal.compact()
			done := steps > 0
			if done {
				require.Less(t, d.used(), compactAt)
			}
			d.faults = nil
			d.crash()
			b := boxOn(t, d)
			b.has(1, 2, 10, 16, 18)
			b.put(25, 26)
			b.has(1, 2, 10, 16, 18, 26)
			require.NoError(t, b.Close())
			b = boxOn(t, d)
			b.has(1, 2, 10, 16, 18, 26)
			if done {
				require.Greater(t, step, 5, name)
				break
			}
		}
	}
}

// Twins that differ come from files that were put together by hand. The later one
// counts, both stay, and Skipped says so.
func TestALetterThatStandsThereTwice(t *testing.T) {
	d := newMemDisk()
	a := boxOn(t, d)
	a.put(0, 40)
	require.NoError(t, a.Close())
	node := d.names["letters"]
	first := strings.SplitAfter(string(node.data), "\n")[0]
	node.data = append(node.data, strings.Replace(first, `"stage":"s"`, `"stage":"t"`, 1)...)
	a = boxOn(t, d)
	require.ErrorContains(t, a.Skipped(), "letters:41: letter 1 occurs above already")
	require.Equal(t, 40, a.Len())
	var stages []string
	for _, l := range letters(t, a) {
		if l.ID == 1 {
			stages = append(stages, l.Stage)
		}
	}
	require.Equal(t, []string{"t"}, stages)
	size := d.used()
	a.remove(2, 40)
	require.Greater(t, d.used(), size, "never compacted")
}

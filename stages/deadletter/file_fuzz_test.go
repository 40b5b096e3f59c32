package deadletter

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/stages"
)

// ledger is what must be true of the letters of a file.
type ledger struct {
	t    *testing.T
	disk *memDisk
	file *File[string]
	rand *rand.Rand

	must  map[uint64]string // are there
	maybe map[uint64]bool   // of these: a failed removal may have taken it out
	gone  map[uint64]bool   // were taken out, and never come back
	loose map[string]bool   // values that Put refused, and a crash may bring all the same
	last  uint64            // the highest number of a letter that was kept
	made  int
}

func (l *ledger) open() {
	var err error
	l.file, err = openOn[string](l.disk, "letters", 200)
	require.NoError(l.t, err)
}

func (l *ledger) put(n int) {
	values := make([]string, n)
	for i := range values {
		l.made++
		values[i] = fmt.Sprint(l.made, " ", strings.Repeat("x", l.rand.IntN(200)))
	}
	if l.file.Put(l.t.Context(), &stages.ItemError{Value: values, Err: errFlaky}) != nil {
		for _, v := range values {
			l.loose[v] = true
		}
		return
	}
	id := l.file.journal.last - uint64(n)
	require.GreaterOrEqual(l.t, id, l.last, "no number is given twice")
	for _, v := range values {
		id++
		l.must[id] = v
	}
	l.last = id
}

// remove takes out one of the letters, or one that is not there.
func (l *ledger) remove(n uint64) {
	id := n%(l.last+2) + 1
	for range 8 { // most often one that is there
		if l.must[id] != "" {
			break
		}
		id = id%(l.last+1) + 1
	}
	err := l.file.Remove(l.t.Context(), id)
	switch {
	case l.must[id] == "":
	case err != nil:
		l.maybe[id] = true
	default:
		delete(l.must, id)
		delete(l.maybe, id)
		l.gone[id] = true
	}
}

// check reads all letters. Those of a file that was opened again may have changed
// within what may be.
func (l *ledger) check(reopened bool) {
	seen := map[uint64]string{}
	before := uint64(0)
	for letter, err := range l.file.Letters(l.t.Context()) {
		require.NoError(l.t, err)
		require.Greater(l.t, letter.ID, before, "in order")
		before = letter.ID
		seen[letter.ID] = letter.Value
		if reopened && l.must[letter.ID] == "" {
			require.False(l.t, l.gone[letter.ID], "letter %d was taken out", letter.ID)
			require.True(l.t, l.loose[letter.Value], "letter %d is %q", letter.ID, letter.Value)
			l.must[letter.ID] = letter.Value
			l.last = max(l.last, letter.ID)
		}
	}
	if reopened {
		for id := range l.maybe {
			if _, ok := seen[id]; !ok {
				l.loose[l.must[id]] = true // what is missing may still not be so on disk
				delete(l.must, id)
			}
		}
		clear(l.maybe)
	}
	require.Equal(l.t, l.must, seen)
	require.Equal(l.t, len(seen), l.file.Len())
}

// reopen ends the process, in order or by a crash, and starts another.
func (l *ledger) reopen(crash bool) {
	l.disk.faults = nil
	if crash {
		l.disk.crash()
	} else {
		_ = l.file.Close() // may tell of a compaction that failed
	}
	l.open()
	l.check(true)
}

// A file of letters on a disk that fails, is full, and loses its power, against a
// model: no letter that was kept is lost, none that was taken out comes back, and no
// number is given twice.
func FuzzFile(f *testing.F) {
	f.Add(uint64(1), []byte{0, 2, 0, 1, 1, 0, 2, 0, 0, 1, 3, 0})
	f.Add(uint64(2), []byte{0, 2, 0, 2, 0, 2, 4, 0, 1, 0, 1, 1, 1, 2, 1, 3, 3, 1, 1, 4, 2, 1})
	f.Add(uint64(3), []byte{0, 2, 5, 3, 0, 2, 6, 1, 1, 0, 7, 0, 1, 1, 1, 2, 3, 0, 0, 1, 2, 2})
	f.Fuzz(func(t *testing.T, seed uint64, ops []byte) {
		if len(ops) <= 200 {
			play(t, seed, ops)
		}
	})
}

// TestFileAgainstItsModel is FuzzFile with some long inputs.
func TestFileAgainstItsModel(t *testing.T) {
	for seed := range uint64(80) {
		r := rand.New(rand.NewPCG(seed, 1))
		ops := make([]byte, 200)
		for i := range ops {
			ops[i] = byte(r.Uint32())
		}
		play(t, seed, ops)
	}
}

func play(t *testing.T, seed uint64, ops []byte) {
	l := &ledger{
		t: t, disk: newMemDisk(), rand: rand.New(rand.NewPCG(seed, 0)),
		must: map[uint64]string{}, maybe: map[uint64]bool{}, gone: map[uint64]bool{}, loose: map[string]bool{},
	}
	l.disk.chance = l.rand.IntN
	if seed%5 == 0 {
		l.disk.noPlace = true
		l.disk.names["letters"] = &inode{} // it was there before
		l.disk.onDisk["letters"] = l.disk.names["letters"]
	}
	l.open()
	for ; len(ops) >= 2; ops = ops[2:] {
		l.step(ops[0], ops[1])
	}
	l.reopen(true)
	l.reopen(false)
}

// step does one thing. Every other thing but these happens on a disk that fails.
func (l *ledger) step(op, n byte) {
	switch op % 8 {
	case 0:
		l.put(int(n%3) + 1)
	case 1, 2:
		l.remove(uint64(n))
	case 3:
		l.reopen(n%2 == 0)
	case 4: // a disk without room, or with room again
		l.disk.room = 0
		if n%2 == 0 {
			l.disk.room = l.disk.used() + int(n)
		}
	case 5, 6: // an operation fails
		kind := []string{"write", "sync", "truncate", "rename", "open", "remove", "syncDir", "read", "chmod", "stat"}[n%10]
		l.disk.faults = failing(kind, int(n/10)%3+1, n > 200)
		l.change(n)
		l.disk.faults = nil
	case 7: // the process dies after so many operations
		left := int(n % 16)
		l.disk.faults = func(string, string) error {
			if left--; left < 0 {
				return syscall.EIO
			}
			return nil
		}
		l.change(n)
		l.reopen(true)
		return
	}
	l.check(false)
}

func (l *ledger) change(n byte) {
	if n%3 == 0 {
		l.put(int(n%2) + 1)
	} else {
		l.remove(uint64(n))
	}
}

package deadletter

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
)

// journal is the file below a [File]. It does not know the type of the values.
//
// The journal appends letters, and lines that remove letters. It overwrites nothing that is on
// disk, with two exceptions for a full disk: strike and squeeze.
//
// Owner: the goroutine that has the turn of the File.
// Invariant: the first size bytes are on disk. The bytes after them are torn.
// Invariant: the bytes of the file that are not live are dead.
type journal struct {
	disk disk
	path string // of the file itself, not of a link to it
	lock io.Closer
	file file

	size    int64
	live    int64           // bytes of letters and of unreadable lines
	alive   map[uint64]span // the letters
	last    uint64          // the highest number given so far
	skipped error           // errors of the unreadable lines

	torn    bool // a write has failed and may have left bytes after size
	unended bool // the last line has no end, because of a crash
	moved   bool // the rename of a new file is not on disk yet
	readers int  // ranges that are reading the file
	shrink
}

// openJournal opens or creates the file, and reads its content. It does not compact the file unless
// more than least bytes are dead.
func openJournal(d disk, path string, least int64) (*journal, error) {
	path, err := d.resolve(path)
	if err != nil {
		return nil, err
	}
	j := &journal{disk: d, path: path, alive: map[uint64]span{}, shrink: shrink{least: least}}
	if j.lock, err = d.lock(path); err != nil {
		return nil, err
	}
	if j.file, err = d.open(path, os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return nil, errors.Join(err, j.lock.Close())
	}
	if err = j.load(); err != nil {
		return nil, errors.Join(err, j.close())
	}
	j.compact()
	return j, nil
}

// load reads which letters exist. It removes a new file that could not replace the old one because
// of a crash.
func (j *journal) load() error {
	_ = j.disk.remove(j.path + compacting)   // usually there is none
	j.pinned = j.disk.syncDir(j.path) != nil // the file may be new
	return j.scan()
}

// scan counts the content of the file.
func (j *journal) scan() error {
	return eachEntry(io.NewSectionReader(j.file, 0, 1<<62), func(e entry) bool {
		j.size = e.end()
		j.unended = !e.whole
		j.note(e)
		return true
	})
}

// note adds a line to the account.
func (j *journal) note(e entry) {
	j.last = max(j.last, e.id, e.removed)
	switch {
	case e.fault != nil:
		j.keep(e, e.fault)
	case e.dead:
		j.bury(e.id) // squeeze may have left an earlier copy
	case e.removed > 0:
		j.bury(e.removed)
	default:
		j.replaceTwin(e)
		j.bear(e.id, e.span)
	}
}

// replaceTwin removes an earlier letter with the number of e from the account. A crash during
// squeeze leaves such twins, which are equal. If they differ, a person has put the file together.
// Then the file is not compacted, so that no text is lost.
func (j *journal) replaceTwin(e entry) {
	twin, ok := j.alive[e.id]
	if !ok {
		return
	}
	text := make([]byte, twin.n)
	_, err := j.file.ReadAt(text, twin.at)
	j.bury(e.id)
	if err != nil || !slices.Equal(text, e.text) {
		j.frozen = true
		j.skipped = errors.Join(j.skipped, fmt.Errorf("%s:%d: letter %d occurs above already, and only this one counts", j.path, e.line, e.id))
	}
}

// keep accounts for an unreadable line, which stays.
func (j *journal) keep(e entry, fault error) {
	j.live += e.n
	j.skipped = errors.Join(j.skipped, fmt.Errorf("%s:%d: no dead letter: %w", j.path, e.line, fault))
}

func (j *journal) bear(id uint64, s span) {
	j.live += s.n
	j.alive[id] = s
}

func (j *journal) bury(id uint64) {
	j.live -= j.alive[id].n
	delete(j.alive, id)
}

// put appends letters. Their lines are in the order of their numbers, which begin with the next
// free number.
func (j *journal) put(lines [][]byte) error {
	at, err := j.append(slices.Concat(lines...))
	if err != nil {
		return err
	}
	for _, line := range lines {
		j.last++
		j.bear(j.last, span{at, int64(len(line))})
		at += int64(len(line))
	}
	return nil
}

// remove removes a letter.
func (j *journal) remove(id uint64) error {
	s, ok := j.alive[id]
	if !ok {
		return nil
	}
	if _, err := j.append(removal(id)); err != nil {
		if struck := j.strike(s); struck != nil {
			return errors.Join(err, struck)
		}
	}
	j.bury(id)
	j.compact()
	return nil
}

// append writes b after all lines, and returns where b begins. b is on disk when append returns. If
// append fails, the file is unchanged.
func (j *journal) append(b []byte) (at int64, err error) {
	if err := errors.Join(j.settle(), j.cut()); err != nil {
		return 0, err
	}
	at = j.size
	if j.unended {
		b = append([]byte{'\n'}, b...)
		at++
	}
	_, err = j.file.WriteAt(b, j.size)
	if err == nil {
		err = j.file.Sync()
	}
	if err != nil {
		j.torn = true
		return 0, errors.Join(err, j.cut())
	}
	j.size += int64(len(b))
	j.unended = false
	return at, nil
}

// cut removes the rest of a failed write. Until that is on disk nothing is appended: a crash could
// mix the two, or restore failed letters.
func (j *journal) cut() error {
	if !j.torn {
		return nil
	}
	err := j.file.Truncate(j.size)
	if err == nil {
		err = j.file.Sync()
	}
	j.torn = err != nil
	return err
}

// settle writes the rename of a new file to disk, before the new file is written to. Until then a
// crash may restore the old one.
func (j *journal) settle() error {
	if !j.moved {
		return nil
	}
	err := j.disk.syncDir(j.path)
	j.moved = err != nil
	return err
}

// strike marks a letter as removed by overwriting one of its bytes: that needs no room.
func (j *journal) strike(s span) error {
	if err := j.settle(); err != nil {
		return err
	}
	_, err := j.file.WriteAt([]byte{struck}, s.at)
	if err == nil {
		err = j.file.Sync()
	}
	return err
}

// read returns the text of a letter.
func read(f file, s span) ([]byte, error) {
	text := make([]byte, s.n)
	if _, err := f.ReadAt(text, s.at); err != nil {
		return nil, err
	}
	return unstruck(text), nil // it may have been removed meanwhile
}

// spans returns the places of the letters, oldest first.
func (j *journal) spans() []span {
	all := make([]span, 0, len(j.alive))
	for _, s := range j.alive {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b span) int { return cmp.Compare(a.at, b.at) })
	return all
}

// endRange ends a range over the letters. It does the work that waited for the end.
func (j *journal) endRange() {
	if j.readers--; j.readers == 0 && j.waits {
		j.tried = 0
		j.compact()
	}
}

// close closes the file and the lock.
func (j *journal) close() error { return errors.Join(j.file.Close(), j.lock.Close()) }

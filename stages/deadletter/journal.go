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
// Letters are appended, and so are the lines that take letters out. Nothing that is
// on disk is written over, with two exceptions, both for a disk without room: strike
// and squeeze.
//
// Owner: the goroutine that has the turn of the File.
// Invariant: the first size bytes are on disk. What comes behind is torn.
// Invariant: the bytes of the file that are not live are dead.
type journal struct {
	disk disk
	path string // of the file itself, not of a link to it
	lock io.Closer
	file file

	size    int64
	live    int64           // how much of it is letters, or cannot be read
	alive   map[uint64]span // the letters
	last    uint64          // the highest number that was given
	skipped error           // the lines that cannot be read

	torn    bool // a write has failed and may have left something behind size
	unended bool // the last line has no end: a crash has cut it short
	moved   bool // the place of a new file is not yet on disk
	readers int  // ranges that read the file
	shrink
}

// openJournal opens the file, or makes it, and reads what is in it. The file is not
// compacted for least dead bytes, or fewer.
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

// load reads which letters there are. It removes a new file that a crash has kept
// from taking its place.
func (j *journal) load() error {
	_ = j.disk.remove(j.path + compacting)   // mostly there is none
	j.pinned = j.disk.syncDir(j.path) != nil // the file may be new
	return j.scan()
}

// scan makes the account of the file.
func (j *journal) scan() error {
	return eachEntry(io.NewSectionReader(j.file, 0, 1<<62), func(e entry) bool {
		j.size = e.end()
		j.unended = !e.whole
		j.note(e)
		return true
	})
}

// note enters a line into the account.
func (j *journal) note(e entry) {
	j.last = max(j.last, e.id, e.removed)
	switch {
	case e.fault != nil:
		j.keep(e, e.fault)
	case e.dead:
		j.bury(e.id) // squeeze may have left a copy above
	case e.removed > 0:
		j.bury(e.removed)
	default:
		j.replaceTwin(e)
		j.bear(e.id, e.span)
	}
}

// replaceTwin takes an earlier letter with the number of e out of the account. A
// crash during squeeze leaves such twins, which are equal. If they differ, the file
// was put together by hand: it is not compacted, so that no text is lost.
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

// keep accounts for a line that cannot be read, and stays.
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

// put appends letters. Their lines are in the order of their numbers, the first of
// which is next.
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

// remove takes a letter out.
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

// append writes b behind all lines, and returns where b begins. b is on disk when
// append returns. If append fails, the file is as it was.
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

// cut takes back what a failed write has left behind. Until that is on disk nothing
// is appended: a crash could mix the two, or bring letters back that failed.
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

// settle puts on disk that a new file has taken its place, before anything is
// written to the new file. Until then a crash may bring back the old one.
func (j *journal) settle() error {
	if !j.moved {
		return nil
	}
	err := j.disk.syncDir(j.path)
	j.moved = err != nil
	return err
}

// strike marks a letter as taken out by one byte of its own, which is written over:
// that needs no room.
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
	return unstruck(text), nil // it may have been taken out meanwhile
}

// spans returns where the letters stand, oldest first.
func (j *journal) spans() []span {
	all := make([]span, 0, len(j.alive))
	for _, s := range j.alive {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b span) int { return cmp.Compare(a.at, b.at) })
	return all
}

// endRange ends a range over the letters. What had to wait for it is done now.
func (j *journal) endRange() {
	if j.readers--; j.readers == 0 && j.waits {
		j.tried = 0
		j.compact()
	}
}

// close gives the file and the lock back.
func (j *journal) close() error { return errors.Join(j.file.Close(), j.lock.Close()) }

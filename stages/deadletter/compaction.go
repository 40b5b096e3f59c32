package deadletter

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
)

const (
	// compactAt is the number of dead bytes from which a file is compacted.
	compactAt = 64 << 10
	// compacting is a suffix for the name of the new file until it replaces the old one.
	compacting = ".compacting"
)

// shrink is the state of compaction.
type shrink struct {
	least  int64 // so many bytes may be dead
	pinned bool  // a new file cannot replace the old one
	frozen bool  // the file stays as it is
	tried  int64 // number of dead bytes when compaction last failed
	fault  error // why it failed
	waits  bool  // it failed because a range was reading the file
}

// compact frees the room of dead lines, when they outweigh the live ones. So it costs less than the
// writes since the last compaction.
//
// If compaction fails, the error is kept for Close, and the file stays as it was. compact tries
// again when the lines that have died since outweigh the live ones.
func (j *journal) compact() {
	dead := j.size - j.live
	if j.frozen || dead <= j.least || dead-j.tried <= j.live {
		return
	}
	j.tried, j.fault = 0, nil
	if err := j.free(); err != nil {
		j.tried, j.fault = dead, fmt.Errorf("deadletter: compact: %w", err)
	}
}

// errPinned is why there is no new file.
var errPinned = errors.New("the directory cannot be synced")

// free writes a new file. If that fails, it moves live lines inside the old one.
func (j *journal) free() error {
	err := errPinned
	if !j.pinned {
		err = j.replace()
	}
	if err != nil {
		if squeezed := j.squeeze(); squeezed != nil {
			return errors.Join(err, squeezed)
		}
	}
	return nil
}

// replace replaces the old file by a new one. The new file is complete and on disk before that. So
// a crash at any time leaves one of the two, with the same letters.
func (j *journal) replace() error {
	fresh, err := j.rewrite()
	if err == nil {
		err = j.disk.rename(j.path+compacting, j.path)
	}
	if err != nil {
		_ = j.disk.remove(j.path + compacting) // otherwise the next try removes it
		if fresh != nil {
			_ = fresh.file.Close()
		}
		return err
	}
	_ = j.file.Close() // the new file has all of its content
	j.file, j.size, j.live, j.alive, j.skipped = fresh.file, fresh.size, fresh.live, fresh.alive, fresh.skipped
	j.torn, j.unended, j.moved = false, false, true
	return nil
}

// rewrite writes the live lines to a new file: letters, and unreadable lines, because a person may
// still understand those.
func (j *journal) rewrite() (*journal, error) {
	if err := j.disk.remove(j.path + compacting); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	info, err := j.file.Stat()
	if err != nil {
		return nil, err
	}
	file, err := j.disk.open(j.path+compacting, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	fresh := &journal{path: j.path, file: file, alive: make(map[uint64]span, len(j.alive))}
	err = errors.Join(file.Chmod(info.Mode().Perm()), j.copy(fresh))
	if err == nil {
		err = file.Sync()
	}
	return fresh, err
}

// copy copies line by line, so that at most the largest letter is in memory.
func (j *journal) copy(fresh *journal) error {
	w := bufio.NewWriter(io.NewOffsetWriter(fresh.file, 0))
	line := 0
	err := j.eachLine(func(e entry, live bool) bool {
		if live {
			line++
			text := copied(e)
			e.line, e.span, e.dead = line, span{fresh.size, int64(len(text))}, false
			fresh.size = e.end()
			fresh.note(e)
			_, _ = w.Write(text) // Flush reports the error
		}
		return true
	})
	return errors.Join(err, w.Flush())
}

// eachLine calls f for each line, and says whether the line is live, until f returns false. If the
// letter with the highest number was removed, a line that says so comes last and is live. So the
// number is not given again.
func (j *journal) eachLine(f func(e entry, live bool) bool) error {
	on := true
	err := eachEntry(io.NewSectionReader(j.file, 0, j.size), func(e entry) bool {
		on = f(e, j.stays(e))
		return on
	})
	if _, alive := j.alive[j.last]; err == nil && on && !alive && j.last > 0 {
		f(entry{text: removal(j.last), whole: true, removed: j.last}, true)
	}
	return err
}

// stays reports whether a line is live. A letter may be live although it is struck out, if the sync
// failed and the state on disk is not known.
func (j *journal) stays(e entry) bool {
	s, alive := j.alive[e.id]
	return e.fault != nil || alive && s.at == e.at
}

// copied returns the text of a live line with its end, and without a strike-out.
func copied(e entry) []byte {
	text := e.text
	if e.dead {
		text = unstruck(text)
	}
	if !e.whole {
		text = append(text, '\n')
	}
	return text
}

package deadletter

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
)

const (
	// compactAt is how many bytes of a file may be dead before it is compacted.
	compactAt = 64 << 10
	// compacting is added to the name of the file for the new one, until it has
	// taken its place.
	compacting = ".compacting"
)

// shrink is what compaction keeps in mind.
type shrink struct {
	least  int64 // so much may be dead
	pinned bool  // no new file can take the place of the old one
	frozen bool  // the file stays as it is
	tried  int64 // how much was dead when compaction failed
	fault  error // why it failed
	waits  bool  // it failed since the file was being read
}

// compact frees the room of what is dead, when that outweighs what is live. So it
// costs less than what was written since the last time.
//
// A fault is kept for Close, and the file stays as it was. There is another try when
// what has died since outweighs what is live.
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

// errPinned says why there is no new file.
var errPinned = errors.New("the directory cannot be synced")

// free writes a new file, or, if that fails, moves what is live inside the old one.
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

// replace puts a new file in the old one's place. The new file is whole and on disk
// before, so whenever a crash comes there is one of the two, with the same letters.
func (j *journal) replace() error {
	fresh, err := j.rewrite()
	if err == nil {
		err = j.disk.rename(j.path+compacting, j.path)
	}
	if err != nil {
		_ = j.disk.remove(j.path + compacting) // or the next try does
		if fresh != nil {
			_ = fresh.file.Close()
		}
		return err
	}
	_ = j.file.Close() // the new file has all that is in it
	j.file, j.size, j.live, j.alive, j.skipped = fresh.file, fresh.size, fresh.live, fresh.alive, fresh.skipped
	j.torn, j.unended, j.moved = false, false, true
	return nil
}

// rewrite writes to a new file what is live: letters, and lines that cannot be read,
// since a person may still make sense of them.
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

// copy writes line by line, so that the largest letter is all that is in memory.
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
			_, _ = w.Write(text) // Flush tells
		}
		return true
	})
	return errors.Join(err, w.Flush())
}

// eachLine calls f for each line, and tells whether it is to stay, until f returns
// false. If the letter with the highest number has been taken out, a line that says
// so comes last and stays: the number is not given again.
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

// stays reports whether a line is live. A letter may be live and struck out all the
// same, if the sync failed and nothing is known.
func (j *journal) stays(e entry) bool {
	s, alive := j.alive[e.id]
	return e.fault != nil || alive && s.at == e.at
}

// copied returns the text of a live line with its end, and not struck out.
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

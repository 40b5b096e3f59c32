package stages

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

const (
	// compactAt is how many bytes of a letters file must be dead before it is
	// worth a new one.
	compactAt = 64 << 10
	// compacting is added to the name of the file for the new one, until it has
	// taken its place.
	compacting = ".compacting"
)

// compact gives the file up for a new one without the letters that were taken
// out, where these outweigh the rest: so it costs less than what was written
// since the last time. A fault is kept for Close, and leaves the file as it was;
// there is another try when twice as much is dead.
func (f *FileLetters[T]) compact() {
	dead := f.size - f.live
	if f.pinned || dead <= max(compactAt, f.live, f.patience) {
		return
	}
	f.patience, f.fault = 0, nil
	if err := f.replace(); err != nil {
		f.patience, f.fault = 2*dead, fmt.Errorf("stages: dead letters: compact: %w", err)
	}
}

// replace puts a new file in the old one's place. It is whole and on disk
// before, so whenever a crash comes there is one of both, with the same letters.
func (f *FileLetters[T]) replace() error {
	fresh, err := f.rewrite()
	if err == nil {
		err = os.Rename(f.path+compacting, f.path)
	}
	if err != nil {
		_ = os.Remove(f.path + compacting) // or the next try does
		if fresh != nil {
			_ = fresh.file.Close()
		}
		return err
	}
	_ = f.file.Close() // nothing is in it that the new one has not
	f.file, f.size, f.skipped, f.moved = fresh.file, fresh.size, fresh.skipped, true
	return nil
}

// rewritten is a new file that has not yet taken the place of the old one.
type rewritten struct {
	file    *os.File
	size    int64
	skipped error
}

// rewrite writes what is alive to a new file, and what is no letter: somebody may
// still make sense of it.
func (f *FileLetters[T]) rewrite() (*rewritten, error) {
	if err := os.Remove(f.path + compacting); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	mode, err := f.file.Stat()
	if err != nil {
		return nil, err
	}
	file, err := os.OpenFile(f.path+compacting, os.O_RDWR|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	fresh := &rewritten{file: file}
	err = errors.Join(file.Chmod(mode.Mode().Perm()), f.copy(fresh))
	if err == nil {
		err = file.Sync()
	}
	return fresh, err
}

// copy writes line by line, so that the largest letter is all that is in memory.
func (f *FileLetters[T]) copy(fresh *rewritten) error {
	w := bufio.NewWriter(fresh.file)
	n := 0
	keep := func(line []byte) {
		n++
		fresh.size += int64(len(line))
		_, _ = w.Write(line) // Flush tells
	}
	err := eachLine(io.NewSectionReader(f.file, 0, f.size), func(line []byte, _ bool) bool {
		l, err := parseLine(line)
		switch _, alive := f.alive[l.ID]; {
		case err != nil:
			keep(line)
			fresh.skipped = errors.Join(fresh.skipped, f.noLetter(n, err))
		case l.Removed == 0 && alive:
			keep(line)
		}
		return true
	})
	if _, alive := f.alive[f.last]; !alive && f.last > 0 {
		keep(removal(f.last)) // its number is not given again
	}
	return errors.Join(err, w.Flush())
}

// settle sees that a new file's place is on disk, before anything is written to
// it: until then a crash may bring back the old one.
func (f *FileLetters[T]) settle() error {
	if !f.moved {
		return nil
	}
	err := syncDir(f.path)
	f.moved = err != nil
	return err
}

// syncDir puts on disk which files are where path is.
func syncDir(path string) error {
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

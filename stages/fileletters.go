package stages

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"os"
	"path/filepath"
)

// FileLetters keeps dead letters in a file of JSON Lines: a line for each
// letter, and a line {"removed":7} for one that was taken out. One process at a
// time may have it open.
//
// A letter is on disk when Put returns: each Put ends with an fsync, which costs
// as much as the disk takes. A line that a crash has cut short is skipped when
// the file is read, and reported by Skipped. In memory there are two numbers for
// each letter, and nothing else.
//
// When most of the file is of letters that were taken out, and more than 64 KiB,
// it is compacted, by OpenLetters and by Remove: what is left goes into a new file
// beside it, which takes its place when it is on disk, so that a crash at any time
// loses nothing. Meanwhile others wait, for as long as it takes to write what is
// left. Lines that are no letters stay. A file system that cannot sync a directory
// has no safe way to do this; there the file only grows.
type FileLetters[T any] struct {
	path string // of the file itself, not of a link to it

	// turn is held by who uses the fields below: a channel, since a disk may
	// block for long, and who waits shall be able to give up.
	turn    chan struct{}
	file    *os.File
	size    int64 // of what is whole
	live    int64 // how much of it is letters, or none
	last    uint64
	alive   map[uint64]int64 // how much each takes
	skipped error

	pinned   bool  // it must not be compacted
	moved    bool  // the place of a new file is not yet on disk
	patience int64 // how much must be dead before another try
	fault    error // of the last one
}

// letterLine is a line of the file.
type letterLine[T any] struct {
	Letter[T]
	Removed uint64 `json:"removed,omitempty"`
}

// OpenLetters opens the file, or makes it, and reads what is in it. It must be
// closed.
func OpenLetters[T any](path string) (*FileLetters[T], error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("stages: dead letters: %w", err)
	}
	f := &FileLetters[T]{path: path, file: file, turn: make(chan struct{}, 1), alive: map[uint64]int64{}}
	if err := f.load(); err != nil {
		return nil, errors.Join(fmt.Errorf("stages: dead letters: %w", err), file.Close())
	}
	f.compact()
	return f, nil
}

// load reads which letters there are, ends the last line where a crash has not,
// and clears away a new file that a crash has kept from taking its place.
func (f *FileLetters[T]) load() error {
	path, err := filepath.EvalSymlinks(f.path)
	if err != nil {
		return err
	}
	f.path = path
	_ = os.Remove(path + compacting) // mostly there is none
	f.pinned = syncDir(path) != nil  // the file may be new
	ended := true
	n := 0
	err = eachLine(f.file, func(line []byte, whole bool) bool {
		n++
		f.size += int64(len(line))
		ended = whole
		l, err := parseLine(line)
		switch {
		case err != nil:
			f.live += int64(len(line))
			f.skipped = errors.Join(f.skipped, f.noLetter(n, err))
		case l.Removed > 0:
			f.bury(l.Removed)
			f.last = max(f.last, l.Removed)
		default:
			f.bear(l.ID, line)
		}
		return true
	})
	if err == nil && !ended {
		err = f.write([]byte{'\n'})
	}
	return err
}

// bear and bury keep the account of what is alive.
func (f *FileLetters[T]) bear(id uint64, line []byte) {
	f.live += int64(len(line))
	f.alive[id] += int64(len(line))
	f.last = max(f.last, id)
}

func (f *FileLetters[T]) bury(id uint64) {
	f.live -= f.alive[id]
	delete(f.alive, id)
}

// parseLine reads a line but for the value. It returns an error where it is
// neither a letter nor tells of one.
func parseLine(line []byte) (l letterLine[json.RawMessage], err error) {
	err = json.Unmarshal(line, &l)
	return l, errors.Join(err, needs(err == nil && l.ID == 0 && l.Removed == 0, "no id"))
}

func (f *FileLetters[T]) noLetter(line int, err error) error {
	return fmt.Errorf("%s:%d: no dead letter: %w", f.path, line, err)
}

// removal is the line that takes a letter out.
func removal(id uint64) []byte { return fmt.Appendf(nil, "{\"removed\":%d}\n", id) }

// eachLine calls f for each line of r, its end included, and tells whether it has
// one.
func eachLine(r io.Reader, f func(line []byte, whole bool) bool) error {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 && !f(line, err == nil) {
			return nil
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// write appends to the file, and sees that it is on disk. What was written by
// half is taken back.
func (f *FileLetters[T]) write(b []byte) error {
	if err := f.settle(); err != nil {
		return err
	}
	_, err := f.file.Write(b)
	if err == nil {
		err = f.file.Sync()
	}
	if err != nil {
		return errors.Join(err, f.file.Truncate(f.size))
	}
	f.size += int64(len(b))
	return nil
}

// take waits for the turn; give ends it.
func (f *FileLetters[T]) take(ctx context.Context) error {
	select {
	case f.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (f *FileLetters[T]) give() { <-f.turn }

// Put implements [LetterStore]. The value must be one that encoding/json can
// write and read.
func (f *FileLetters[T]) Put(ctx context.Context, e *ItemError) error {
	letters, err := LettersOf[T](e)
	if err != nil {
		return err
	}
	values := make([]json.RawMessage, len(letters))
	for i, l := range letters { // user code: not in anybody's turn
		if values[i], err = json.Marshal(l.Value); err != nil {
			return fmt.Errorf("stages: dead letter: %w", err)
		}
	}
	if err := f.take(ctx); err != nil {
		return err
	}
	defer f.give()
	lines := make([][]byte, len(letters))
	for i, l := range letters {
		raw := Letter[json.RawMessage]{
			ID: f.last + uint64(i) + 1, Value: values[i], Stage: l.Stage, Cause: l.Cause,
			Attempts: l.Attempts, Replays: l.Replays, Entered: l.Entered, Failed: l.Failed,
		}
		line, err := json.Marshal(raw)
		if err != nil {
			return fmt.Errorf("stages: dead letter: %w", err)
		}
		lines[i] = append(line, '\n')
	}
	if err := f.write(bytes.Join(lines, nil)); err != nil {
		return fmt.Errorf("stages: dead letters: %w", err)
	}
	for _, line := range lines {
		f.bear(f.last+1, line)
	}
	return nil
}

// Letters implements [LetterStore]. It reads the file as the range goes on, as it
// was at the beginning, compacted meanwhile or not. A letter whose value is no T
// comes with an error, and with all but its value.
func (f *FileLetters[T]) Letters(ctx context.Context) iter.Seq2[Letter[T], error] {
	return func(yield func(Letter[T], error) bool) {
		if err := f.take(ctx); err != nil {
			yield(Letter[T]{}, err)
			return
		}
		size, alive := f.size, maps.Clone(f.alive)
		file, err := os.Open(f.path)
		f.give()
		if err != nil {
			yield(Letter[T]{}, fmt.Errorf("stages: dead letters: %w", err))
			return
		}
		defer file.Close() // it was only read
		err = eachLine(io.LimitReader(file, size), func(line []byte, _ bool) bool {
			l, err := parseLine(line)
			if _, ok := alive[l.ID]; err != nil || l.Removed > 0 || !ok {
				return true // what is no letter was reported when the file was opened
			}
			return yield(decoded[T](l.Letter))
		})
		if err != nil {
			yield(Letter[T]{}, fmt.Errorf("stages: dead letters: %w", err))
		}
	}
}

// decoded returns the letter with its value.
func decoded[T any](raw Letter[json.RawMessage]) (Letter[T], error) {
	l := Letter[T]{
		ID: raw.ID, Stage: raw.Stage, Cause: raw.Cause, Attempts: raw.Attempts,
		Replays: raw.Replays, Entered: raw.Entered, Failed: raw.Failed,
	}
	if err := json.Unmarshal(raw.Value, &l.Value); err != nil {
		return l, fmt.Errorf("stages: dead letter %d: %w", raw.ID, err)
	}
	return l, nil
}

// Remove implements [LetterStore]. It appends a line that says so, which is on
// disk when it returns.
func (f *FileLetters[T]) Remove(ctx context.Context, id uint64) error {
	if err := f.take(ctx); err != nil {
		return err
	}
	defer f.give()
	if _, ok := f.alive[id]; !ok {
		return nil
	}
	if err := f.write(removal(id)); err != nil {
		return fmt.Errorf("stages: dead letters: %w", err)
	}
	f.bury(id)
	f.compact()
	return nil
}

// Len returns how many letters there are.
func (f *FileLetters[T]) Len() int {
	f.turn <- struct{}{}
	defer f.give()
	return len(f.alive)
}

// Skipped names the lines that could not be read when the file was opened, nil
// where there were none. They stay in the file.
func (f *FileLetters[T]) Skipped() error {
	f.turn <- struct{}{}
	defer f.give()
	return f.skipped
}

// Close closes the file, and tells what has kept it from being compacted, if
// anything: no letter is lost by that. What is put afterwards is an error.
func (f *FileLetters[T]) Close() error {
	f.turn <- struct{}{}
	defer f.give()
	return errors.Join(f.fault, f.file.Close())
}

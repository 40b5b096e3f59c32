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
	"os"
)

// FileLetters keeps dead letters in a file of JSON Lines: a line for each
// letter, and a line {"removed":7} for one that was taken out. It is appended to,
// and never rewritten. One process at a time may have it open.
//
// A letter is on disk when Put returns: each Put ends with an fsync, which costs
// as much as the disk takes. A line that a crash has cut short is skipped when
// the file is read, and reported by Skipped. In memory there is a number for each
// letter, and nothing else.
type FileLetters[T any] struct {
	path string

	// turn is held by who uses the fields below: a channel, since a disk may
	// block for long, and who waits shall be able to give up.
	turn    chan struct{}
	file    *os.File
	size    int64 // of what is whole
	last    uint64
	alive   map[uint64]struct{}
	skipped error
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
	f := &FileLetters[T]{path: path, file: file, turn: make(chan struct{}, 1), alive: map[uint64]struct{}{}}
	if err := f.load(); err != nil {
		return nil, errors.Join(fmt.Errorf("stages: dead letters: %w", err), file.Close())
	}
	return f, nil
}

// load reads which letters there are, and ends the last line where a crash has
// not.
func (f *FileLetters[T]) load() error {
	ended := true
	n := 0
	err := eachLine(f.file, func(line []byte, whole bool) bool {
		n++
		f.size += int64(len(line))
		ended = whole
		var l letterLine[json.RawMessage]
		err := json.Unmarshal(line, &l)
		switch {
		case err != nil || l.ID == 0 && l.Removed == 0:
			f.skipped = errors.Join(f.skipped, fmt.Errorf("%s:%d: no dead letter: %w", f.path, n, errors.Join(err, needs(err == nil, "no id"))))
		case l.Removed > 0:
			delete(f.alive, l.Removed)
		default:
			f.alive[l.ID] = struct{}{}
			f.last = max(f.last, l.ID)
		}
		return true
	})
	if err == nil && !ended {
		err = f.write([]byte{'\n'})
	}
	return err
}

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
	var lines bytes.Buffer
	for i, l := range letters {
		raw := Letter[json.RawMessage]{
			ID: f.last + uint64(i) + 1, Value: values[i], Stage: l.Stage, Cause: l.Cause,
			Attempts: l.Attempts, Replays: l.Replays, Entered: l.Entered, Failed: l.Failed,
		}
		line, err := json.Marshal(raw)
		if err != nil {
			return fmt.Errorf("stages: dead letter: %w", err)
		}
		lines.Write(append(line, '\n'))
	}
	if err := f.write(lines.Bytes()); err != nil {
		return fmt.Errorf("stages: dead letters: %w", err)
	}
	for range letters {
		f.last++
		f.alive[f.last] = struct{}{}
	}
	return nil
}

// Letters implements [LetterStore]. It reads the file as the range goes on. A
// letter whose value is no T comes with an error, and with all but its value.
func (f *FileLetters[T]) Letters(ctx context.Context) iter.Seq2[Letter[T], error] {
	return func(yield func(Letter[T], error) bool) {
		if err := f.take(ctx); err != nil {
			yield(Letter[T]{}, err)
			return
		}
		size, alive := f.size, make(map[uint64]struct{}, len(f.alive))
		for id := range f.alive {
			alive[id] = struct{}{}
		}
		f.give()
		file, err := os.Open(f.path)
		if err != nil {
			yield(Letter[T]{}, fmt.Errorf("stages: dead letters: %w", err))
			return
		}
		defer file.Close() // it was only read
		err = eachLine(io.LimitReader(file, size), func(line []byte, _ bool) bool {
			var l letterLine[json.RawMessage]
			if json.Unmarshal(line, &l) != nil || l.Removed > 0 {
				return true // reported when the file was opened
			}
			if _, ok := alive[l.ID]; !ok {
				return true
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

// Remove implements [LetterStore]. It appends a line that says so.
func (f *FileLetters[T]) Remove(ctx context.Context, id uint64) error {
	if err := f.take(ctx); err != nil {
		return err
	}
	defer f.give()
	if _, ok := f.alive[id]; !ok {
		return nil
	}
	if err := f.write(fmt.Appendf(nil, "{\"removed\":%d}\n", id)); err != nil {
		return fmt.Errorf("stages: dead letters: %w", err)
	}
	delete(f.alive, id)
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
func (f *FileLetters[T]) Skipped() error { return f.skipped }

// Close closes the file. What is put afterwards is an error.
func (f *FileLetters[T]) Close() error {
	f.turn <- struct{}{}
	defer f.give()
	return f.file.Close()
}

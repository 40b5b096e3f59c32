package deadletter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"os"

	"github.com/weir-go/weir/stages"
)

// File keeps letters in a file of JSON Lines. A letter is a line, and a line
// {"removed":7} takes letter 7 out. In memory there are three numbers for each letter.
//
// # Crashes
//
// A letter is on disk when Put returns, and gone when Remove returns: each ends with
// an fsync, which costs as much as the disk takes. A crash can cut the last line
// short. OpenFile skips lines that cannot be read, Skipped names them, and they stay
// in the file.
//
// # Processes
//
// One process at a time has the file open. OpenFile locks a file beside it, named
// like it with ".lock" added. That file names the process, and stays. The
// system releases the lock of a process that dies. On AIX, Solaris, Plan 9 and
// WebAssembly there is no lock: there a second process must not open the file.
//
// # Room
//
// OpenFile and Remove compact the file when more than half of it, and more than
// 64 KiB, is not needed any more. They write the letters that are left into a new
// file, which then replaces the old one. A crash at any time loses nothing. Other
// calls wait meanwhile.
//
// A full disk refuses new letters. Letters can still be taken out, so that a replay
// makes room:
//   - If a line that takes a letter out has no room, the first character of the
//     letter is overwritten with a minus.
//   - If a new file has no room, the file is compacted in place. The letters behind
//     the first gap move into it, if they fit, and the rest is cut off. That waits
//     until no range over the letters is open.
//
// A file system that cannot sync a directory, as on Windows, has no safe way to
// replace a file. There the file is always compacted in place.
type File[T any] struct {
	// turn is held by the owner of journal. It is a channel and not a mutex, because a disk may
	// block for long, and a waiting caller can give up.
	turn    chan struct{}
	journal *journal
	closed  bool // guarded by: turn
}

// OpenFile opens the file, or makes it, and reads which letters there are. The error
// is a *[LockedError] if the file is open already. A File must be closed.
func OpenFile[T any](path string) (*File[T], error) {
	return openOn[T](realDisk{}, path, compactAt)
}

func openOn[T any](d disk, path string, least int64) (*File[T], error) {
	j, err := openJournal(d, path, least)
	if errors.Is(err, ErrLocked) {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("deadletter: %w", err)
	}
	return &File[T]{turn: make(chan struct{}, 1), journal: j}, nil
}

// take waits for the turn, and give ends it.
func (f *File[T]) take(ctx context.Context) error {
	select {
	case f.turn <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if f.closed {
		f.give()
		return fmt.Errorf("deadletter: %w", os.ErrClosed)
	}
	return nil
}

func (f *File[T]) give() { <-f.turn }

// Put implements [Store]. encoding/json must be able to write and read the value.
func (f *File[T]) Put(ctx context.Context, e *stages.ItemError) error {
	letters, err := encode[T](e)
	if err != nil {
		return err
	}
	if err := f.take(ctx); err != nil {
		return err
	}
	defer f.give()
	lines := make([][]byte, len(letters))
	for i, l := range letters {
		l.ID = f.journal.last + uint64(i) + 1
		line, err := json.Marshal(l)
		if err != nil {
			return fmt.Errorf("deadletter: %w", err)
		}
		lines[i] = append(line, '\n')
	}
	if err := f.journal.put(lines); err != nil {
		return fmt.Errorf("deadletter: %w", err)
	}
	return nil
}

// encode makes the letters of a failed item. It calls user code, so the caller must not hold the
// turn.
func encode[T any](e *stages.ItemError) ([]Letter[json.RawMessage], error) {
	letters, err := Of[T](e)
	if err != nil {
		return nil, err
	}
	raw := make([]Letter[json.RawMessage], len(letters))
	for i, l := range letters {
		value, err := json.Marshal(l.Value)
		if err != nil {
			return nil, fmt.Errorf("deadletter: %w", err)
		}
		raw[i] = with(l, json.RawMessage(value))
	}
	return raw, nil
}

// decode makes a letter from its text. If the value is not a T, decode returns the error and the
// letter without its value.
func decode[T any](text []byte) (Letter[T], error) {
	var raw Letter[json.RawMessage]
	if err := json.Unmarshal(text, &raw); err != nil {
		return Letter[T]{}, fmt.Errorf("deadletter: %w", err)
	}
	var value T
	if err := json.Unmarshal(raw.Value, &value); err != nil {
		return with(raw, *new(T)), fmt.Errorf("deadletter: letter %d: %w", raw.ID, err)
	}
	return with(raw, value), nil
}

// with returns the letter with another value.
func with[T, U any](l Letter[T], value U) Letter[U] {
	return Letter[U]{
		ID: l.ID, Value: value, Stage: l.Stage, Cause: l.Cause, Attempts: l.Attempts,
		Replays: l.Replays, Entered: l.Entered, Failed: l.Failed,
	}
}

// Letters implements [Store]. It reads the file while the range goes on, and yields
// the letters that were there when the range began. A letter whose value is no T
// comes with an error, and has all but its value.
func (f *File[T]) Letters(ctx context.Context) iter.Seq2[Letter[T], error] {
	return func(yield func(Letter[T], error) bool) {
		file, spans, err := f.beginRange(ctx)
		if err != nil {
			yield(Letter[T]{}, err)
			return
		}
		defer f.endRange(file)
		for _, s := range spans {
			text, err := read(file, s)
			if err != nil {
				yield(Letter[T]{}, fmt.Errorf("deadletter: %w", err))
				return
			}
			if !yield(decode[T](text)) {
				return
			}
		}
	}
}

// beginRange opens the file at its present state, for one range.
func (f *File[T]) beginRange(ctx context.Context) (file, []span, error) {
	if err := f.take(ctx); err != nil {
		return nil, nil, err
	}
	defer f.give()
	j := f.journal
	file, err := j.disk.open(j.path, os.O_RDONLY, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("deadletter: %w", err)
	}
	j.readers++
	return file, j.spans(), nil
}

// endRange ends a range.
func (f *File[T]) endRange(file file) {
	_ = file.Close() // the file was only read
	f.turn <- struct{}{}
	defer f.give()
	if !f.closed {
		f.journal.endRange()
	}
}

// Remove implements [Store]. That the letter is gone is on disk when Remove returns.
func (f *File[T]) Remove(ctx context.Context, id uint64) error {
	if err := f.take(ctx); err != nil {
		return err
	}
	defer f.give()
	if err := f.journal.remove(id); err != nil {
		return fmt.Errorf("deadletter: %w", err)
	}
	return nil
}

// Len returns how many letters there are.
func (f *File[T]) Len() int {
	f.turn <- struct{}{}
	defer f.give()
	return len(f.journal.alive)
}

// Skipped names the lines that could not be read when the file was opened. It is nil
// if all could be read. The lines stay in the file.
func (f *File[T]) Skipped() error {
	f.turn <- struct{}{}
	defer f.give()
	return f.journal.skipped
}

// Close closes the file and releases the lock. Its error also tells what kept the
// file from being compacted; no letter is lost by that. Put, Letters and Remove of a
// closed File return an error, and so does a second Close.
func (f *File[T]) Close() error {
	f.turn <- struct{}{}
	defer f.give()
	if f.closed {
		return fmt.Errorf("deadletter: %w", os.ErrClosed)
	}
	f.closed = true
	return errors.Join(f.journal.fault, f.journal.close())
}

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/weir-go/weir/stages/deadletter"
)

// letter is a letter whose value is left as it is.
type letter = deadletter.Letter[json.RawMessage]

// filter chooses letters. All that is set must hold.
type filter struct {
	ID     []uint64      `help:"Only the letters with these numbers." placeholder:"N,..."`
	Stage  string        `help:"Only letters of this stage." placeholder:"NAME"`
	Cause  string        `help:"Only letters whose cause has this text." placeholder:"TEXT"`
	Value  string        `help:"Only letters whose value has this text, as JSON." placeholder:"TEXT"`
	Newer  time.Duration `help:"Only letters that failed within this time." placeholder:"1h"`
	Older  time.Duration `help:"Only letters that failed before this time." placeholder:"24h"`
	Missed int           `name:"replayed" help:"Only letters that were replayed at least this often." placeholder:"N"`
}

func (f filter) empty() bool {
	return len(f.ID) == 0 && f.Stage == "" && f.Cause == "" && f.Value == "" && f.Newer == 0 && f.Older == 0 && f.Missed == 0
}

func (f filter) validate() error {
	if f.Newer < 0 || f.Older < 0 || f.Missed < 0 {
		return fmt.Errorf("%w: --newer, --older and --replayed must not be below 0", errUsage)
	}
	return nil
}

func (f filter) matches(l letter) bool {
	age := time.Since(l.Failed)
	return (len(f.ID) == 0 || slices.Contains(f.ID, l.ID)) &&
		(f.Stage == "" || l.Stage == f.Stage) &&
		strings.Contains(l.Cause, f.Cause) &&
		strings.Contains(string(l.Value), f.Value) &&
		(f.Newer == 0 || age <= f.Newer) &&
		(f.Older == 0 || age >= f.Older) &&
		l.Replays >= f.Missed
}

// letters opens a file of letters. It does not make one.
func letters(path string) (*deadletter.File[json.RawMessage], error) {
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	return deadletter.OpenFile[json.RawMessage](path)
}

// read calls do with the letters of a file that the filter chooses. If another process has the
// file open, or the file can only be read, it reads a copy: the letters as they are at this moment.
func (p *program) read(path string, f filter, do func(letter) error) (err error) {
	if err := f.validate(); err != nil {
		return err
	}
	file, err := letters(path)
	if errors.Is(err, deadletter.ErrLocked) || errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
		var dir string
		if dir, err = os.MkdirTemp("", "weir-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
		if path, err = copyTo(dir, path); err != nil {
			return err
		}
		file, err = letters(path)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if skipped := file.Skipped(); skipped != nil {
		fmt.Fprintf(p.stderr, "weir: %v\n", skipped)
	}
	for l, err := range file.Letters(p.ctx) {
		if err != nil {
			return err
		}
		if !f.matches(l) {
			continue
		}
		if err := do(l); err != nil {
			return err
		}
	}
	return nil
}

func copyTo(dir, path string) (string, error) {
	from, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer from.Close()
	to, err := os.Create(dir + "/letters.jsonl")
	if err != nil {
		return "", err
	}
	_, err = io.Copy(to, from)
	return to.Name(), errors.Join(err, to.Close())
}

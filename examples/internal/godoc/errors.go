package godoc

import (
	"errors"
)

// ErrNoSource matches the error of [Load] for a folder without a Go file that belongs
// to the build.
var ErrNoSource = errors.New("no Go source for linux/amd64")

// Error says which package could not be read. Err is the error of the file system or of
// the parser, or [ErrNoSource].
type Error struct {
	ImportPath string
	Err        error
}

// Error returns one line with the import path and the cause.
func (e *Error) Error() string { return "godoc: " + e.ImportPath + ": " + e.Err.Error() }

// Unwrap returns the cause, so that errors.Is finds fs.ErrNotExist in it.
func (e *Error) Unwrap() error { return e.Err }

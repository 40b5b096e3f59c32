package godoc

import "errors"

// ErrNoSource is wrapped by the error of [Load] for a folder without a Go file
// that takes part in the build.
var ErrNoSource = errors.New("no Go source for linux/amd64")

// Error says which package could not be read. Err is what the file system or the
// parser said, or [ErrNoSource].
type Error struct {
	ImportPath string
	Err        error
}

// Error returns one line with the import path and the cause.
func (e *Error) Error() string { return "godoc: " + e.ImportPath + ": " + e.Err.Error() }

// Unwrap returns the cause, so that errors.Is finds fs.ErrNotExist in it.
func (e *Error) Unwrap() error { return e.Err }

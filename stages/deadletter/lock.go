package deadletter

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// ErrLocked is matched by the error of [OpenFile] when the file is open already, in
// another process or in this one.
var ErrLocked = errors.New("deadletter: file is open already")

// LockedError tells which process has the file open. It matches [ErrLocked].
type LockedError struct {
	// Path is the file of letters.
	Path string
	// PID, Host and Since are of the process that has it open. They are zero if that
	// process could not write them down, as on a full disk.
	PID   int
	Host  string
	Since time.Time
}

// Error names the file and the process.
func (e *LockedError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("deadletter: %s is open in an unknown process", e.Path)
	}
	return fmt.Sprintf("deadletter: %s is open in process %d on %s since %s", e.Path, e.PID, e.Host, e.Since.Format(time.RFC3339))
}

// Unwrap returns [ErrLocked].
func (e *LockedError) Unwrap() error { return ErrLocked }

// locking is a suffix for the name of the locked file. The letters' own file cannot be locked:
// compaction replaces it.
const locking = ".lock"

// lock is an exclusive lock on a file beside the letters. The file names the process
// that holds the lock, and stays when the lock is released. The system releases the
// lock of a process that dies.
type lock struct{ file *os.File }

// holder is the content of the locked file.
type holder struct {
	PID   int       `json:"pid"`
	Host  string    `json:"host"`
	Since time.Time `json:"since"`
}

// acquire takes the lock, or returns a *LockedError at once.
func acquire(path string) (*lock, error) {
	f, err := os.OpenFile(path+locking, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := tryLock(f); err != nil {
		if errors.Is(err, ErrLocked) {
			err = heldBy(path, f)
		}
		return nil, errors.Join(err, f.Close())
	}
	sign(f)
	return &lock{f}, nil
}

// heldBy returns an error that names the process with the lock.
func heldBy(path string, f *os.File) error {
	var h holder
	if text, err := io.ReadAll(f); err == nil {
		_ = json.Unmarshal(text, &h) // unreadable fields are unknown
	}
	return &LockedError{Path: path, PID: h.PID, Host: h.Host, Since: h.Since}
}

// sign writes which process has the lock. If that fails, as on a full disk, the file is empty: the
// lock holds without a name.
func sign(f *os.File) {
	host, _ := os.Hostname() // empty if unknown
	text, err := json.Marshal(holder{PID: os.Getpid(), Host: host, Since: time.Now()})
	if err == nil {
		err = f.Truncate(0)
	}
	if err == nil {
		_, err = f.WriteAt(text, 0)
	}
	if err != nil {
		_ = f.Truncate(0)
	}
}

// Close releases the lock.
func (l *lock) Close() error { return errors.Join(unlock(l.file), l.file.Close()) }

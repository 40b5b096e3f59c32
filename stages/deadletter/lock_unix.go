//go:build darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd

package deadletter

import (
	"errors"
	"os"
	"syscall"
)

// tryLock locks the file until unlock, or until the process ends. It returns ErrLocked at once if another
// open file holds the lock, in any process.
func tryLock(f *os.File) error {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EWOULDBLOCK):
			return ErrLocked
		case err != nil:
			return &os.PathError{Op: "lock", Path: f.Name(), Err: err}
		}
		return nil
	}
}

// unlock frees the lock. To close the file is not enough: a child that is being started has it open as
// well, until it becomes another program.
func unlock(f *os.File) error {
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_UN); err != nil {
		return &os.PathError{Op: "unlock", Path: f.Name(), Err: err}
	}
	return nil
}

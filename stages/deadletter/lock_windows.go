package deadletter

import (
	"errors"
	"os"
	"syscall"
	"unsafe"
)

var lockFileEx = syscall.NewLazyDLL("kernel32.dll").NewProc("LockFileEx")

const (
	failImmediately = 1
	exclusiveLock   = 2

	errLockViolation syscall.Errno = 33
)

// tryLock locks the file until it is closed. It returns ErrLocked at once if another
// handle holds the lock, in any process.
//
// A lock of Windows keeps others from reading the bytes that it covers. It covers a
// byte far behind the end of the file, so that others can read what is in the file.
func tryLock(f *os.File) error {
	at := syscall.Overlapped{OffsetHigh: 1 << 30}
	ok, _, err := lockFileEx.Call(f.Fd(), failImmediately|exclusiveLock, 0, 1, 0, uintptr(unsafe.Pointer(&at)))
	switch {
	case ok != 0:
		return nil
	case errors.Is(err, errLockViolation), errors.Is(err, syscall.ERROR_IO_PENDING):
		return ErrLocked
	}
	return &os.PathError{Op: "lock", Path: f.Name(), Err: err}
}

// unlock does nothing: a lock of Windows ends with its handle, which no child gets.
func unlock(*os.File) error { return nil }

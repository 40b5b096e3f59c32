//go:build !(darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd || windows)

package deadletter

import (
	"os"
)

// tryLock does nothing: this system has no lock that ends with its process, and a
// lock that outlives a crash would keep the letters from the next process. See
// [File].
func tryLock(*os.File) error { return nil }

// unlock does nothing, as tryLock.
func unlock(*os.File) error { return nil }

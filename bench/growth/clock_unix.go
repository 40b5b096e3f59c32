//go:build unix

package main

import "syscall"

// processorTime is what the process has used of its processors, in
// nanoseconds.
func processorTime() int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0 // cannot fail with these arguments
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

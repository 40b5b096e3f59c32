//go:build !unix

package main

import "time"

var start = time.Now()

// processorTime is the time that has passed, for want of better: here waiting
// does count.
func processorTime() int64 { return int64(time.Since(start)) }

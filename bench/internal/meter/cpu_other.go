//go:build !unix

package meter

import (
	"time"
)

var start = time.Now()

// CPU returns the time since the start of the process, as an upper bound: it
// also counts waiting.
func CPU() time.Duration { return time.Since(start) }

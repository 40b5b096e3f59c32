package progress

import (
	"fmt"
	"io"
	"time"
)

// interval is the least time between two lines.
const interval = time.Second

// lines is the display for logs. The first line comes a second after the display was
// made, not at the first step.
type lines struct {
	w           io.Writer
	began, last time.Time
}

func newLines(w io.Writer) *lines {
	now := time.Now()
	return &lines{w: w, began: now, last: now}
}

func (l *lines) show(done, total int) {
	if now := time.Now(); now.Sub(l.last) >= interval {
		l.last = now
		l.write(done, total)
	}
}

func (l *lines) note(line string) { fmt.Fprintln(l.w, line) }

// close always writes a line: it is the result.
func (l *lines) close(done, total int) { l.write(done, total) }

func (l *lines) write(done, total int) {
	// With a total of 0, a division would panic.
	percent := 0
	if total > 0 {
		percent = 100 * done / total
	}
	fmt.Fprintf(l.w, "%d of %d (%d %%) after %v\n", done, total, percent, time.Since(l.began).Round(interval/10))
}

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
	done, total int // on the last line
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

// close writes the result, unless it is the last line already.
func (l *lines) close(done, total int) {
	if total == 0 || done != l.done || total != l.total {
		l.write(done, total)
	}
}

func (l *lines) write(done, total int) {
	l.done, l.total = done, total
	// With a total of 0, a division would panic.
	percent := 0
	if total > 0 {
		percent = 100 * done / total
	}
	fmt.Fprintf(l.w, "%d of %d (%d %%) after %v\n", done, total, percent, time.Since(l.began).Round(interval/10))
}

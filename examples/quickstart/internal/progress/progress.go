package progress

import (
	"fmt"
	"io"
	"os"
	"sync"

	"golang.org/x/term"
)

// Progress is one display. It is safe for concurrent use. Its methods write under a
// lock, so they take as long as the writer does. They ignore the errors of the writer:
// progress that cannot be shown is no reason to stop the work.
type Progress struct {
	mu          sync.Mutex
	display     display
	done, total int
	closed      bool
}

// display is one way to show progress. Progress calls one method at a time.
type display interface {
	show(done, total int)
	note(line string)
	close(done, total int)
}

// New shows the progress towards total on w. If the total is not known yet, it is 0,
// and [Progress.Grow] raises it. Call [Progress.Close] at the end.
func New(w io.Writer, total int) *Progress {
	total = max(total, 0)
	if file, ok := w.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		return &Progress{display: newBar(w, total), total: total}
	}
	return &Progress{display: newLines(w), total: total}
}

// Add counts n more as done. After Close it does nothing.
func (p *Progress) Add(n int) { p.move(n, 0) }

// Grow raises the total by n.
func (p *Progress) Grow(n int) { p.move(0, n) }

func (p *Progress) move(done, total int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	p.done += done
	// If more than the total is done, the total was wrong.
	p.total = max(p.total+total, p.done)
	p.display.show(p.done, p.total)
}

// Note writes one line, above the bar if there is one. It takes a format and its
// arguments like fmt.Printf, without a line break at the end.
func (p *Progress) Note(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.display.note(fmt.Sprintf(format, args...))
}

// Close shows the final state and ends the display. Notes may still follow. A second
// call does nothing.
func (p *Progress) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	p.closed = true
	p.display.close(p.done, p.total)
}

package progress

import (
	"fmt"
	"io"
	"time"

	"github.com/schollz/progressbar/v3"
)

// bar is the display for terminals. It drops the errors of the library, which are the
// errors of the writer.
type bar struct {
	w      io.Writer
	bar    *progressbar.ProgressBar
	total  int
	closed bool // from then on a note is a plain line
}

func newBar(w io.Writer, total int) *bar {
	total = max(total, 1) // the library takes 0 for a mistake
	return &bar{w: w, total: total, bar: progressbar.NewOptions(total,
		progressbar.OptionSetWriter(w),
		progressbar.OptionSetWidth(40),
		progressbar.OptionShowCount(),
		// A terminal may be at the end of a slow line, and each drawing delays the
		// goroutine that made the progress.
		progressbar.OptionThrottle(50*time.Millisecond),
	)}
}

func (b *bar) show(done, total int) {
	if total > b.total {
		b.total = total
		b.bar.ChangeMax(total)
	}
	// To the library, a bar that was full once stays full, even if the total grows. So
	// the bar shows the last step only at close.
	_ = b.bar.Set(min(done, b.total-1))
}

func (b *bar) note(line string) {
	if b.closed {
		fmt.Fprintln(b.w, line)
		return
	}
	// The note replaces the bar, and the bar is drawn again below it.
	_ = b.bar.Clear()
	fmt.Fprintln(b.w, line)
	_ = b.bar.RenderBlank()
}

func (b *bar) close(done, total int) {
	b.closed = true
	// Finish would fill the bar of a run that was stopped half way.
	if done > 0 && done == total {
		_ = b.bar.Finish()
	} else {
		_ = b.bar.Exit()
	}
	fmt.Fprintln(b.w)
}

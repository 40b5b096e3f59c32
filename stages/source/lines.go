package source

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/stages"
)

// maxLine is the longest line that Lines reads, in bytes.
const maxLine = 16 << 20

// Lines is a source of the lines of r, without their ends ("\n" or "\r\n"). A line of more than
// 16 MiB, or an error of r, stops the run.
//
// A read cannot be interrupted in general. When the intake stops, Lines calls SetReadDeadline,
// which wakes connections, pipes and terminals. With a reader that has no such method, or one
// that does not work, the source returns after the read that it is in.
func Lines(r io.Reader) stages.Source[string] { return lineSource{r} }

type lineSource struct{ r io.Reader }

// Validate implements [stages.Validator].
func (s lineSource) Validate() error {
	if s.r == nil {
		return errors.New("reader is nil")
	}
	return nil
}

func (s lineSource) Run(ctx context.Context, out *stages.Outlet[string]) error {
	if d, ok := s.r.(interface{ SetReadDeadline(time.Time) error }); ok {
		defer wakeReader(ctx, kernel.OutletOf(out).Node(), d)()
	}
	p := newPen[string](out)
	defer p.end()
	sc := bufio.NewScanner(waitingReader{s.r, p})
	sc.Buffer(nil, maxLine)
	n := 0
	for sc.Scan() {
		n++
		if !p.emit(sc.Text()) {
			return nil
		}
	}
	err := sc.Err()
	if err == nil || ctx.Err() != nil && errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	return fmt.Errorf("reading line %d: %w", n+1, err)
}

// wakeReader interrupts the reader when ctx ends, until undo is called. A panic of the reader is a
// fault of the run.
func wakeReader(ctx context.Context, n *kernel.Node, d interface{ SetReadDeadline(time.Time) error }) (undo func()) {
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		if err := n.Protect(func() error { _ = d.SetReadDeadline(time.Unix(1, 0)); return nil }); err != nil {
			n.Run().Fail(fmt.Errorf("stage %q: waking the reader: %w", n.Name, err))
		}
	})
	return func() {
		if !stop() {
			<-ended
		}
	}
}

// waitingReader tells the source that it waits during each read.
type waitingReader struct {
	io.Reader
	p *pen[string]
}

// Read implements [io.Reader].
func (r waitingReader) Read(b []byte) (int, error) {
	r.p.waited()
	return r.Reader.Read(b)
}

package stages

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// maxLine is the longest line that Lines reads, in bytes.
const maxLine = 16 << 20

// Lines is a source of the lines of r, without their ends ("\n" or "\r\n"). A
// line of more than 16 MiB, or an error of r, stops the run.
//
// A read cannot be interrupted in general. When the intake stops, a reader with
// a SetReadDeadline method that works (connections, pipes, terminals) is woken
// by it; with any other the source returns after the read it is in.
func Lines(r io.Reader) Source[string] { return lineSource{r} }

type lineSource struct{ r io.Reader }

func (s lineSource) Validate() error { return needs(s.r == nil, "reader is nil") }

func (s lineSource) Run(ctx context.Context, out *Outlet[string]) error {
	if d, ok := s.r.(interface{ SetReadDeadline(time.Time) error }); ok {
		stop := context.AfterFunc(ctx, func() { _ = d.SetReadDeadline(time.Unix(1, 0)) })
		defer stop()
	}
	sc := bufio.NewScanner(s.r)
	sc.Buffer(nil, maxLine)
	n := 0
	for sc.Scan() {
		n++
		if !out.Emit(sc.Text()) || stopping(out) {
			return nil
		}
	}
	err := sc.Err()
	if err == nil || ctx.Err() != nil && errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	return fmt.Errorf("reading line %d: %w", n+1, err)
}

// WriteLines is a sink that writes each value to w, followed by "\n". It
// buffers while items keep coming, and flushes when there is none at hand and
// at the end of the stream. An error of w stops the run; as what was buffered
// is lost then, an item counts as delivered only when it has been flushed.
func WriteLines[T ~string | ~[]byte](w io.Writer) Sink[T] { return &lineSink[T]{w} }

type lineSink[T ~string | ~[]byte] struct{ w io.Writer }

func (s *lineSink[T]) Validate() error { return needs(s.w == nil, "writer is nil") }

func (s *lineSink[T]) Run(_ context.Context, in *Inlet[T]) (err error) {
	w := bufio.NewWriter(s.w)
	var held []Item[T]
	returned := false
	defer func() {
		if returned {
			return
		}
		err = caught(in.node.name, recover()) // the writer has panicked
		for _, it := range held {
			in.Fail(it, err)
		}
	}()
	for it := range in.All() {
		held = append(held, it)
		w.WriteString(string(it.Value)) // the writer keeps its error for Flush
		w.WriteByte('\n')
		if !pending(in) || len(held) >= batchSize {
			held = s.flush(in, w, held)
		}
	}
	s.flush(in, w, held)
	returned = true
	return nil
}

// flush settles the items that were written since the last flush.
func (s *lineSink[T]) flush(in *Inlet[T], w *bufio.Writer, held []Item[T]) []Item[T] {
	err := w.Flush()
	for _, it := range held {
		if err != nil {
			in.Fail(it, err)
		} else {
			in.Done(it)
		}
	}
	return held[:0]
}

// needs returns an error that says what where fault holds.
func needs(fault bool, what string) error {
	if fault {
		return errors.New(what)
	}
	return nil
}

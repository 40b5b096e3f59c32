package sink

import (
	"bufio"
	"context"
	"errors"
	"io"

	"github.com/weir-go/weir/internal/handoff"
	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/internal/typed"
	"github.com/weir-go/weir/stages"
)

// WriteLines is a sink that writes each value to w, followed by "\n". It buffers while items
// keep coming, and flushes when none is at hand and at the end of the stream. An error or a
// panic of w stops the run. What was buffered is lost then, so an item counts as delivered only
// when it has been flushed. After an abort nothing is written any more.
func WriteLines[T ~string | ~[]byte](w io.Writer) stages.Sink[T] { return &lineSink[T]{w} }

type lineSink[T ~string | ~[]byte] struct{ w io.Writer }

// Validate implements [stages.Validator].
func (s *lineSink[T]) Validate() error {
	if s.w == nil {
		return errors.New("writer is nil")
	}
	return nil
}

func (s *lineSink[T]) Run(_ context.Context, in *stages.Inlet[T]) error {
	k := kernel.Of(in)
	l := lines[T]{in: k, w: bufio.NewWriter(s.w)}
	err := stages.ErrGoexit // the writer may end the goroutine
	defer func() { l.settle(err) }()
	err = k.Node().Protect(func() error {
		l.write()
		return nil
	})
	return err
}

// lines has the items that were written since the last flush.
type lines[T ~string | ~[]byte] struct {
	in     *kernel.Inlet
	w      *bufio.Writer
	values []T
	held   []kernel.Meta
}

// write writes all items.
func (l *lines[T]) write() {
	for v, m, ok := typed.Next[T](l.in); ok; v, m, ok = typed.Next[T](l.in) {
		l.values, l.held = append(l.values, v), append(l.held, m)
		l.w.WriteString(string(v)) // the writer keeps its error until Flush
		l.w.WriteByte('\n')
		if len(l.held) >= handoff.BatchSize || !l.in.Poll() {
			l.flush()
		}
	}
	l.flush()
}

// flush writes the buffer, and accounts for the held items.
func (l *lines[T]) flush() {
	if len(l.held) == 0 {
		return
	}
	if l.in.Node().Run().Aborted() {
		l.settle(l.in.Node().Run().AbortError())
		return
	}
	l.settle(l.w.Flush())
}

// settle accounts for the held items.
func (l *lines[T]) settle(err error) {
	for i, m := range l.held {
		if err != nil {
			l.in.Fail(m, l.values[i], err)
		} else {
			l.in.Done(m)
		}
	}
	clear(l.values)
	l.values, l.held = l.values[:0], l.held[:0]
}

package stages

import (
	"context"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sourcegraph/conc"
	"github.com/stretchr/testify/require"
)

// deliver runs a source into a sink and checks the books.
func deliver[T any](t *testing.T, src Source[T], sink Sink[T], control ...func(*Runtime)) (nodes []*Node, err error) {
	t.Helper()
	rt := NewRuntime(t.Context(), false, "source", "sink")
	defer rt.Close()
	out, in := Link[T](rt, rt.Nodes()[0], rt.Nodes()[1], 256)
	var wg conc.WaitGroup
	wg.Go(func() { RunSource(src, out) })
	wg.Go(func() { RunSink(sink, in) })
	for _, c := range control {
		wg.Go(func() { c(rt) })
	}
	wg.Wait()
	for _, n := range rt.Nodes() {
		require.NoError(t, n.Ledger().Check(), n.Name())
	}
	return rt.Nodes(), rt.Err()
}

func TestLinesAreSplitAtTheirEnds(t *testing.T) {
	for name, tt := range map[string]struct {
		text string
		want []string
	}{
		"nothing":        {"", nil},
		"no last end":    {"a\nb", []string{"a", "b"}},
		"empty lines":    {"\n\na\n", []string{"", "", "a"}},
		"windows":        {"a\r\nb\r\n", []string{"a", "b"}},
		"a long line":    {strings.Repeat("x", 1<<20) + "\ny", []string{strings.Repeat("x", 1<<20), "y"}},
		"many at a time": {strings.Repeat("line\n", 1000), strings.Fields(strings.Repeat("line ", 1000))},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var got []string
				_, err := deliver(t, Lines(strings.NewReader(tt.text)), Append(&got))
				require.NoError(t, err)
				require.Equal(t, tt.want, got)
			})
		})
	}
}

func TestALineThatIsTooLongStopsTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []string
		_, err := deliver(t, Lines(strings.NewReader("a\n"+strings.Repeat("x", maxLine+1))), Append(&got))
		require.ErrorContains(t, err, "reading line 2: bufio.Scanner: token too long")
		require.Equal(t, []string{"a"}, got)
	})
}

// brokenPipe is a reader and a writer that fails after so many bytes, by fail.
type brokenPipe struct {
	left int
	fail func() error
}

func (p *brokenPipe) Write(b []byte) (int, error) {
	if p.left -= len(b); p.left < 0 {
		return 0, p.fail()
	}
	return len(b), nil
}

func (p *brokenPipe) Read(b []byte) (int, error) {
	if p.left--; p.left < 0 {
		return 0, p.fail()
	}
	return copy(b, "line\n"), nil
}

var faults = map[string]func() error{
	"error":  func() error { return errFlaky },
	"panic":  func() error { panic(errFlaky) },
	"goexit": func() error { runtime.Goexit(); return nil },
}

func TestAReaderThatFailsStopsTheRun(t *testing.T) {
	for name, fail := range faults {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var got []string
				_, err := deliver(t, Lines(&brokenPipe{3, fail}), Append(&got))
				require.Equal(t, []string{"line", "line", "line"}, got)
				if name == "goexit" {
					require.ErrorIs(t, err, ErrGoexit)
					return
				}
				require.ErrorIs(t, err, errFlaky)
			})
		})
	}
}

// deadliner is a connection: its reads end when its deadline has passed.
type wire struct {
	io.Reader
	ended chan struct{}
}

func (w wire) SetReadDeadline(time.Time) error { close(w.ended); return nil }
func (w wire) Read([]byte) (int, error)        { <-w.ended; return 0, errDeadline{} }

type errDeadline struct{}

func (errDeadline) Error() string        { return "i/o timeout" }
func (errDeadline) Is(target error) bool { return target.Error() == "i/o timeout" }

func TestAStopWakesAReaderWithADeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		_, err := deliver(t, Lines(wire{ended: make(chan struct{})}), Append(new([]string)), after(time.Minute, stop))
		require.NoError(t, err)
		require.Equal(t, time.Minute, time.Since(begun))
	})
}

// Any other reader is asked no more after the read it is in.
func TestAStopEndsAnyReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reads := 0
		slow := readerFunc(func(b []byte) (int, error) {
			reads++
			time.Sleep(time.Second)
			return copy(b, "line\n"), nil
		})
		var got []string
		_, err := deliver(t, Lines(slow), Append(&got), after(2500*time.Millisecond, stop))
		require.NoError(t, err)
		require.Equal(t, 3, reads)
		require.Len(t, got, 3, "what it has read belongs to the flow")
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

func TestLinesAreWrittenAsTheyCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		var at []time.Duration
		var text strings.Builder
		w := writerFunc(func(b []byte) (int, error) {
			at = append(at, time.Since(begun))
			return text.Write(b)
		})
		slow := SourceFunc[string](func(_ context.Context, out *Outlet[string]) error {
			for _, s := range []string{"a", "b", "c"} {
				out.Emit(s)
				time.Sleep(time.Second)
			}
			return nil
		})
		nodes, err := deliver(t, slow, WriteLines[string](w))
		require.NoError(t, err)
		require.Equal(t, "a\nb\nc\n", text.String())
		require.Equal(t, []time.Duration{0, time.Second, 2 * time.Second}, at, "none waits in a buffer for company")
		require.Equal(t, int64(3), nodes[1].Ledger().Out)
	})
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

// An item counts as delivered when it has been written; those behind the fault
// have failed, each of them once.
func TestAWriterThatFailsStopsTheRun(t *testing.T) {
	lines := strings.Fields(strings.Repeat("0123456789 ", 500)) // more than a buffer
	for name, fail := range faults {
		for _, size := range []int{0, 2000} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					p := &brokenPipe{size, fail}
					nodes, err := deliver(t, Slice(lines), WriteLines[string](p))
					if name == "goexit" {
						require.ErrorIs(t, err, ErrGoexit)
					} else {
						require.ErrorIs(t, err, errFlaky)
					}
					l := nodes[1].Ledger()
					require.LessOrEqual(t, l.Out*11, int64(size))
					require.Equal(t, l.In, l.Out+l.Failed)
					require.Positive(t, l.Failed)
				})
			})
		}
	}
}

func TestLinesRefuseWhatIsMissing(t *testing.T) {
	require.Error(t, Lines(nil).(Validator).Validate())
	require.Error(t, WriteLines[string](nil).(Validator).Validate())
	require.NoError(t, errors.Join(Lines(strings.NewReader("")).(Validator).Validate(), WriteLines[string](io.Discard).(Validator).Validate()))
}

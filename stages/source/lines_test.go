package source_test

import (
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/sink"
	"github.com/weir-go/weir/stages/source"
)

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
				_, _, err := deliver(t, source.Lines(strings.NewReader(tt.text)), sink.Append(&got))
				require.NoError(t, err)
				require.Equal(t, tt.want, got)
			})
		})
	}
}

func TestALineThatIsTooLongStopsTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []string
		_, _, err := deliver(t, source.Lines(strings.NewReader("a\n"+strings.Repeat("x", 16<<20+1))), sink.Append(&got))
		require.ErrorContains(t, err, "reading line 2: bufio.Scanner: token too long")
		require.Equal(t, []string{"a"}, got)
	})
}

func TestAReaderThatFailsStopsTheRun(t *testing.T) {
	for name, fail := range faults {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var got []string
				_, _, err := deliver(t, source.Lines(&pipe{3, fail}), sink.Append(&got))
				if name == "goexit" { // which aborts the run
					require.ErrorIs(t, err, stages.ErrGoexit)
					return
				}
				require.Equal(t, []string{"line", "line", "line"}, got)
				require.ErrorIs(t, err, errFlaky)
			})
		})
	}
}

// wire is a connection: its reads end when its deadline has passed.
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
		_, _, err := deliver(t, source.Lines(wire{ended: make(chan struct{})}), sink.Append(new([]string)), after(time.Minute, stop))
		require.NoError(t, err)
		require.Equal(t, time.Minute, time.Since(begun))
	})
}

// Any other reader is not read any more after the read that it is in.
func TestAStopEndsAnyReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reads := 0
		slow := readerFunc(func(b []byte) (int, error) {
			reads++
			time.Sleep(time.Second)
			return copy(b, "line\n"), nil
		})
		var got []string
		_, _, err := deliver(t, source.Lines(slow), sink.Append(&got), after(2500*time.Millisecond, stop))
		require.NoError(t, err)
		require.Equal(t, 3, reads)
		require.Len(t, got, 3, "what it has read belongs to the flow")
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

func TestLinesRefuseNoReader(t *testing.T) {
	require.ErrorContains(t, validate(source.Lines(nil)), "reader is nil")
	require.NoError(t, validate(source.Lines(strings.NewReader(""))))
}

// stubborn is a connection whose SetReadDeadline panics.
type stubborn struct{ ended chan struct{} }

func (s stubborn) SetReadDeadline(time.Time) error { close(s.ended); panic(errFlaky) }
func (s stubborn) Read([]byte) (int, error)        { <-s.ended; return 0, io.EOF }

// The fault: it took the process down.
func TestASetReadDeadlineThatPanicsStopsTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, err := deliver(t, source.Lines(stubborn{make(chan struct{})}), sink.Append(new([]string)), after(time.Minute, stop))
		require.ErrorIs(t, err, errFlaky)
		require.ErrorContains(t, err, `stage "source"`)
	})
}

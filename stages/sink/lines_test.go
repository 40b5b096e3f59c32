package sink_test

import (
	"context"
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

func TestLinesAreWrittenAsTheyCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		var at []time.Duration
		var text strings.Builder
		w := writerFunc(func(b []byte) (int, error) {
			at = append(at, time.Since(begun))
			return text.Write(b)
		})
		slow := stages.SourceFunc[string](func(_ context.Context, out *stages.Outlet[string]) error {
			for _, s := range []string{"a", "b", "c"} {
				out.Emit(s)
				time.Sleep(time.Second)
			}
			return nil
		})
		_, taken, err := deliver(t, slow, sink.WriteLines[string](w))
		require.NoError(t, err)
		require.Equal(t, "a\nb\nc\n", text.String())
		require.Equal(t, []time.Duration{0, time.Second, 2 * time.Second}, at, "none waits in a buffer for company")
		require.Equal(t, int64(3), taken.Out)
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
					p := &pipe{size, fail}
					_, taken, err := deliver(t, source.Slice(lines), sink.WriteLines[string](p))
					if name == "goexit" {
						require.ErrorIs(t, err, stages.ErrGoexit)
					} else {
						require.ErrorIs(t, err, errFlaky)
					}
					l := taken
					require.LessOrEqual(t, l.Out*11, int64(size))
					require.Equal(t, l.In, l.Out+l.Failed)
					require.Positive(t, l.Failed)
				})
			})
		}
	}
}

// The failure has the item that could not be written, and not one that was written before.
func TestALineThatFailsIsTheOneInTheError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := writerFunc(func(b []byte) (int, error) {
			if string(b) == "c\n" {
				return 0, errFlaky
			}
			return len(b), nil
		})
		slow := stages.SourceFunc[string](func(_ context.Context, out *stages.Outlet[string]) error {
			for _, s := range []string{"a", "b", "c"} {
				out.Emit(s)
				time.Sleep(time.Second)
			}
			return nil
		})
		_, taken, err := deliver(t, slow, sink.WriteLines[string](w))
		var failure *stages.ItemError
		require.ErrorAs(t, err, &failure)
		require.Equal(t, "c", failure.Value)
		require.Equal(t, int64(2), taken.Out)
		require.Equal(t, int64(1), taken.Failed)
	})
}

func TestWriteLinesRefuseNoWriter(t *testing.T) {
	require.ErrorContains(t, validate(sink.WriteLines[string](nil)), "writer is nil")
	require.NoError(t, validate(sink.WriteLines[string](io.Discard)))
}

// Once the run is aborted nothing is written: what is buffered goes back to its source.
func TestNothingIsWrittenAfterAnAbort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		writes := 0
		w := writerFunc(func(b []byte) (int, error) {
			writes++
			time.Sleep(time.Second)
			return len(b), nil
		})
		heard := map[int][]error{}
		src := stages.SourceFunc[string](func(_ context.Context, out *stages.Outlet[string]) error {
			for i := range 100 {
				out.EmitAcked(func(err error) { heard[i] = append(heard[i], err) }, "line")
			}
			return nil
		})
		_, taken, err := deliver(t, src, sink.WriteLines[string](w), after(500*time.Millisecond, abort))
		require.ErrorIs(t, err, errGone)
		require.Equal(t, 1, writes)
		require.Equal(t, int64(100), taken.Out+taken.Failed)
		require.Len(t, heard, 100)
		for _, errs := range heard {
			require.Len(t, errs, 1)
		}
		require.ErrorIs(t, heard[99][0], stages.ErrAborted)
	})
}

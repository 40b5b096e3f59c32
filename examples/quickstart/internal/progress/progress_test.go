package progress

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestLinesComeOnceASecondAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		p := New(&out, 100)
		for range 25 {
			time.Sleep(100 * time.Millisecond)
			p.Add(2)
		}
		require.Equal(t, "20 of 100 (20 %) after 1s\n40 of 100 (40 %) after 2s\n", out.String())
		out.Reset()
		p.Note("the breaker is %s", "open")
		p.Close()
		p.Close()
		p.Add(1)
		p.Note("late")
		require.Equal(t, "the breaker is open\n50 of 100 (50 %) after 2.5s\nlate\n", out.String())
	})
}

func TestTotalGrows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		p := New(&out, 0)
		time.Sleep(time.Second)
		p.Grow(4)
		p.Add(1)
		p.Close()
		require.Equal(t, "0 of 4 (0 %) after 1s\n1 of 4 (25 %) after 1s\n", out.String())
	})
}

func TestMoreThanAllRaisesTheTotal(t *testing.T) {
	var out bytes.Buffer
	p := New(&out, 1)
	p.Add(3)
	p.Close()
	require.Equal(t, "3 of 3 (100 %) after 0s\n", out.String())
}

func TestNothingToDo(t *testing.T) {
	var out bytes.Buffer
	New(&out, -1).Close()
	require.Equal(t, "0 of 0 (0 %) after 0s\n", out.String())
}

// The last line came twice if the last step was due for a line.
func TestTheLastLineComesOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		p := New(&out, 3)
		time.Sleep(time.Second)
		p.Add(1)
		time.Sleep(time.Second)
		p.Add(2)
		p.Close()
		require.Equal(t, "1 of 3 (33 %) after 1s\n3 of 3 (100 %) after 2s\n", out.String())
	})
}

func TestAFileIsNoTerminal(t *testing.T) {
	file, err := os.CreateTemp(t.TempDir(), "log")
	require.NoError(t, err)
	defer file.Close()
	p := New(file, 2)
	p.Add(2)
	p.Close()
	text, err := os.ReadFile(file.Name())
	require.NoError(t, err)
	require.Equal(t, "2 of 2 (100 %) after 0s\n", string(text))
}

// onTerminal is what New makes for a terminal.
func onTerminal(out *bytes.Buffer, total int) *Progress {
	return &Progress{display: newBar(out, total), total: total}
}

func TestBarIsFullOnlyAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		p := onTerminal(&out, 0)
		for range 4 {
			p.Grow(5)
			time.Sleep(time.Second)
			p.Add(5) // all that is known so far
			require.NotContains(t, out.String(), "100%")
		}
		p.Note("almost there")
		require.Contains(t, out.String(), "almost there\n")
		p.Close()
		require.Contains(t, out.String(), "100%")
		require.Contains(t, out.String(), "(20/20)")
		require.True(t, strings.HasSuffix(out.String(), "\n"))
		out.Reset()
		p.Add(1)
		p.Note("late")
		require.Equal(t, "late\n", out.String())
	})
}

func TestBarThatIsStoppedEarlyStaysWhereItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		p := onTerminal(&out, 10)
		time.Sleep(time.Second)
		p.Add(4)
		p.Close()
		require.Contains(t, out.String(), "(4/10)")
		require.NotContains(t, out.String(), "100%")
		require.True(t, strings.HasSuffix(out.String(), "\n"))
	})
}

func TestManyAtATime(t *testing.T) {
	for name, make := range map[string]func(*bytes.Buffer, int) *Progress{
		"lines": func(out *bytes.Buffer, n int) *Progress { return New(out, n) },
		"bar":   onTerminal,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var out bytes.Buffer
				p := make(&out, 800)
				var all sync.WaitGroup
				for range 8 {
					all.Go(func() {
						for range 100 {
							p.Add(1)
						}
						p.Note("one is done")
					})
				}
				all.Wait()
				p.Close()
				require.Equal(t, 8, strings.Count(out.String(), "one is done\n"))
				require.Regexp(t, `800 of 800|800/800`, out.String())
			})
		})
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestABrokenWriterStopsNothing(t *testing.T) {
	for _, d := range []display{newLines(brokenWriter{}), newBar(brokenWriter{}, 2)} {
		p := &Progress{display: d, total: 2}
		p.Add(1)
		p.Note("x")
		p.Add(1)
		p.Close()
		require.Equal(t, 2, p.done)
	}
}

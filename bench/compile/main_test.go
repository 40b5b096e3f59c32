package main

import (
	"bytes"
	"flag"
	"fmt"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// most is generous: the machine may be busy, and one measurement has to do.
var most = flag.Duration("further", 3*time.Second, "the most processor time that a further item type may cost the compiler")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The programs of all implementations bring the same items through their
// stages, and a further item type of weir's costs the compiler at most -further:
//
//	go test ./compile -further 100ms
func TestProgramsDoTheSameWork(t *testing.T) {
	c, err := newCompiler(t.TempDir())
	require.NoError(t, err)
	compile := func(kind string, types int) (unit, time.Duration) {
		u, err := c.prepare(kind, types)
		require.NoError(t, err)
		cpu, _, err := c.compile(u)
		require.NoError(t, err)
		return u, cpu
	}
	cpu := map[string]time.Duration{}
	for _, kind := range kinds {
		var u unit
		u, cpu[kind] = compile(kind, 1)
		_, err = c.link(u)
		require.NoError(t, err)
		out, _, err := run(exec.Command(u.binary))
		require.NoError(t, err)
		require.Equal(t, fmt.Sprintln(1000, 999*1000/2+1000, nil), out, kind)
	}
	const many = 2
	_, more := compile("weir", many)
	further := (more - cpu["weir"]) / (many - 1)
	t.Logf("a further type costs %v", further)
	require.Less(t, further, *most)
}

func TestAReportIsPrinted(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, report(&out, []string{"channels"}, []int{1, 2}, 1))
	require.Regexp(t, `(?m)^BenchmarkCompile/types=2/impl=channels\S*\t1\t\d+ cpu-ns/op\t\d+ archive-B\t\d+ binary-B$`, out.String())
	require.Regexp(t, `(?m)^ *Compile/types=1 cpu=\d+ +cpu-ns/op`, out.String())
	require.Regexp(t, `(?m)^ *CompileFurther cpu=\d+ +cpu-ns/op`, out.String())
}

func TestWrongArgumentsAreRefused(t *testing.T) {
	ns, err := numbers("15,1,5,1")
	require.NoError(t, err)
	require.Equal(t, []int{1, 5, 15}, ns)
	for _, list := range []string{"", "0", "1,", "x"} {
		_, err := numbers(list)
		require.Error(t, err, list)
	}
	require.ErrorContains(t, report(&bytes.Buffer{}, []string{"no-such"}, []int{1}, 1), "no-such")
}

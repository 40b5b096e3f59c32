package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/weir-go/weir/examples/internal/standin"
)

// These tests use real servers and processes, so they cannot run in a synctest bubble.

// programVariable tells the test binary to be the program, also as a worker of a test's run.
const programVariable = "FLEET_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(programVariable) != "" {
		main()
	}
	goleak.VerifyTestMain(m)
}

// start runs the program in a process of its own.
func start(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Env = append(os.Environ(), programVariable+"=1")
	var out, faults bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &faults
	err = cmd.Run()
	return out.String(), faults.String(), err
}

// summaries reads an output file, and checks that it has each package once, in order, with a
// summary.
func summaries(t *testing.T, file string) (names []string) {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	for line := range bytes.Lines(text) {
		var e entry
		require.NoError(t, json.Unmarshal(line, &e))
		require.NotEmpty(t, e.Summary, "%s: %s", e.Package, e.Failure)
		if len(names) > 0 {
			require.Less(t, names[len(names)-1], e.Package)
		}
		names = append(names, e.Package)
	}
	return names
}

func TestAKilledWorkerLosesAndRepeatsNothing(t *testing.T) {
	file := filepath.Join(t.TempDir(), "out.jsonl")
	began := time.Now()
	stdout, stderr, err := start(t, "-workers", "3", "-limit", "60", "-out", file)
	require.NoError(t, err, stderr)
	t.Log("\n" + stdout)
	require.Less(t, time.Since(began), time.Minute)
	names := summaries(t, file)
	require.Len(t, names, 60)
	require.Equal(t, "archive/tar", names[0])

	require.Regexp(t, `(?m)^worker-1 .* 1  (threshold|manual) +drained$`, stdout)
	require.Regexp(t, `(?m)^worker-2 .* 1  (threshold|manual) +drained$`, stdout)
	require.Regexp(t, `(?m)^worker-3 .* 1  (threshold|manual) +kill -9$`, stdout)
	require.Contains(t, stdout, "Breaker: openings of all workers together: 1\n")
	require.Contains(t, stdout, "Packages: 60, summarised once each: 60, failed: 0, more than once in the output: 0\n")
	require.Regexp(t, `(?m)^Kill: after .*; handed out again: [1-9]`, stdout)
}

// The process of the test runs all, so that goleak sees what it leaves behind.
func TestOneProcessRunsBothParts(t *testing.T) {
	file := filepath.Join(t.TempDir(), "out.jsonl")
	c := defaults()
	var stdout, stderr strings.Builder
	code := c.program().Run(t.Context(), []string{"-limit", "12", "-out", file}, os.Getenv, &stdout, &stderr)
	require.Zero(t, code, stderr.String())
	require.Len(t, summaries(t, file), 12)
	require.Contains(t, stdout.String(), "Packages: 12, summarised once each: 12, failed: 0")
	require.NotContains(t, stdout.String(), "Kill:")
}

func TestScaleHasALineForEachNumberOfWorkers(t *testing.T) {
	stdout, stderr, err := start(t, "-scale", "-limit", "8")
	require.NoError(t, err, stderr)
	for _, workers := range []string{"1", "2", "4"} {
		require.Regexp(t, `(?m)^ +`+workers+`  .+s +[0-9.]+ +[0-9.]+$`, stdout)
	}
}

// A worker that dies between its publication and its acknowledgement has its package summarised
// again, by a model that may give another answer.
func TestTheOutputTakesOneSummaryOfAPackage(t *testing.T) {
	s, err := open(t.Context(), false, 2, standin.Manners{})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.close()) }()
	n := &node{js: s.js, name: "worker-1"}
	publish := func(e entry) (repeat bool) {
		m, err := n.message(t.Context(), e)
		require.NoError(t, err)
		ack, err := s.js.PublishMsg(t.Context(), m)
		require.NoError(t, err)
		return ack.Duplicate
	}
	require.False(t, publish(entry{Package: "a", Summary: "first"}))
	require.True(t, publish(entry{Package: "a", Summary: "second"}))
	require.False(t, publish(entry{Package: "b", Failure: "no answer"}))
	<-s.output.done
	require.Equal(t, map[string]entry{"a": {Package: "a", Summary: "first"}, "b": {Package: "b", Failure: "no answer"}}, s.output.entries)
	require.Zero(t, s.output.repeated)
	require.Equal(t, 1, s.output.failed)
}

func TestARepeatInTheOutputIsCounted(t *testing.T) {
	o := newOutput(2)
	o.add("worker-1", 1, entry{Package: "a", Summary: "first"})
	<-o.half
	o.add("worker-2", 1, entry{Package: "a", Summary: "second"})
	require.Equal(t, 1, o.repeated)
	require.Equal(t, "1 of 2 packages are done", o.progress())
	require.Equal(t, "first", o.entries["a"].Summary)
}

func TestAWorkerWithoutAServerFailsInOneLine(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	c := defaults()
	var stderr strings.Builder
	url := "nats://" + l.Addr().String()
	code := c.program().Run(t.Context(), []string{"-join", url, "-model-at", "http://127.0.0.1:1/v1"}, os.Getenv, io.Discard, &stderr)
	require.Equal(t, 1, code)
	require.Equal(t, "fleet: "+url+": nats: no servers available for connection\n", stderr.String())
}

func TestParseSaysWhatIsWrongInOneLine(t *testing.T) {
	tests := []struct{ name, args, want string }{
		{"one worker", "-workers 1", "-workers 1 leaves no worker after the kill"},
		{"no model", "-join nats://h:1", "-join needs -model-at"},
		{"all together", "-workers -1 -calls 0 -limit -1 -out=",
			"-workers -1 is not between 0 and 32; -calls 0 is not between 1 and 100; -limit -1 is below 0; -out is empty"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := defaults()
			require.EqualError(t, c.program().Parse(strings.Fields(tt.args), os.Getenv, io.Discard), tt.want)
		})
	}
}

func TestOpenings(t *testing.T) {
	change := func(worker, from, to string) news { return news{Worker: worker, From: from, To: to} }
	once := []news{
		change("a", "closed", "open"), change("b", "closed", "open"), change("a", "open", "half-open"),
		change("a", "half-open", "open"), change("b", "open", "closed"), change("a", "open", "closed"),
	}
	require.Equal(t, 0, openings(nil))
	require.Equal(t, 1, openings(once))
	require.Equal(t, 2, openings(append(once, change("b", "closed", "open"))))
}

func TestTheTableHasWorkersThatWereStartedByHand(t *testing.T) {
	hands := []person{{name: "worker-1", pid: 7, end: "drained"}}
	by := map[string]deeds{"worker-1": {summaries: 2, calls: 3}, "mine": {summaries: 1, calls: 1}}
	table := (&tally{hands: hands}).workers([]news{{Worker: "mine", From: "closed", To: "open", Cause: "threshold"}}, by)
	require.Equal(t, [][]any{
		{"worker-1", 7, 2, 3, 0, "-", "drained"},
		{"mine", 0, 1, 1, 1, "threshold", "joined"},
	}, table.Rows)
}

// Ctrl-C at a terminal reaches the workers as well. If the end of a worker was noticed first, the run
// failed: "worker-1 ended on its own".
func TestAnInterruptOfTheWorkersIsAnInterrupt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		interrupt := errors.New("interrupt")
		ended := func() (context.Context, chan error) {
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(10*time.Millisecond, func() { cancel(interrupt) })
			failed := make(chan error, 2)
			failed <- errors.New("worker-1 ended on its own")
			return ctx, failed
		}
		ctx, failed := ended()
		s := &site{output: newOutput(2)}
		require.Equal(t, interrupt, s.await(ctx, s.output.done, failed))
		ctx, failed = ended()
		c := &crew{hands: []*hand{{}}, failed: failed}
		require.Equal(t, interrupt, c.ready(ctx, &board{}))

		failed <- errors.New("worker-1 ended on its own")
		require.EqualError(t, c.ready(t.Context(), &board{}), "worker-1 ended on its own")
	})
}

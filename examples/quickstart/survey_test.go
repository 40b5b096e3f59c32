package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/examples/internal/chat"
	"github.com/weir-go/weir/examples/internal/cli"
	"github.com/weir-go/weir/examples/internal/livepage"
	"github.com/weir-go/weir/examples/quickstart/internal/progress"
	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
)

// These tests use real HTTP on loopback, so they cannot run in a synctest bubble.

func TestTheGlossaryIsWrittenInOrder(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "out.jsonl")
	code, stdout, stderr := start(t, "-limit 12 -out "+file)
	require.Zero(t, code, stderr)
	require.Contains(t, stderr, "12 packages in ")
	require.Contains(t, stdout, "Timings per stage")
	require.Contains(t, stdout, "0 failed; it balances")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	require.Greater(t, len(lines), 50)
	require.True(t, strings.HasPrefix(lines[0], `{"package":"archive/tar","term":"archive/tar","summary":"Package tar `), lines[0])
}

func TestTheGlossaryOnStdoutStandsAlone(t *testing.T) {
	t.Parallel()
	code, stdout, stderr := start(t, "-limit 3 -out -")
	require.Zero(t, code, stderr)
	for line := range strings.Lines(stdout) {
		require.True(t, strings.HasPrefix(line, `{"package":`), line)
	}
	require.Contains(t, stderr, "Timings per stage")
}

func TestAnOutputThatCannotBeOpenedIsOneLine(t *testing.T) {
	code, _, stderr := start(t, "-limit 3 -out "+filepath.Join(t.TempDir(), "no", "such", "dir"))
	require.Equal(t, 1, code)
	require.Regexp(t, `^quickstart: open .*: no such file or directory\n$`, stderr)
}

// packages is a standard library of three packages.
var packages = fstest.MapFS{
	"a/a.go": {Data: []byte("// Package a is first.\npackage a\n\nimport _ \"b\"\n")},
	"b/b.go": {Data: []byte("// Package b is second.\npackage b\n")},
	"c/c.go": {Data: []byte("// Package c is third.\npackage c\n")},
}

// ask surveys the packages with the handler as the service.
func ask(t *testing.T, interrupt context.Context, patience time.Duration, handler http.HandlerFunc, options ...chat.Option) (out string, err error) {
	t.Helper()
	server := httptest.NewServer(handler)
	defer server.Close()
	client, err := chat.New(server.URL, options...)
	require.NoError(t, err)
	defer client.Close()
	var written, shown strings.Builder
	s := &survey{
		src: packages, names: []string{"a", "b", "c"}, model: "m", workers: 1, client: client,
		out: &written, progress: progress.New(&shown, 0),
		outage: &outage{patience: patience, began: time.Now()}, page: &livepage.Page{},
	}
	rep, err := s.run(interrupt)
	require.NoError(t, rep.Check())
	return written.String(), err
}

const answer = `{"model":"m","choices":[{"message":{"role":"assistant","content":"It is."},"finish_reason":"stop"}]}`

func TestAServiceThatDiesMidwayLosesNothingFinished(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	out, err := ask(t, t.Context(), 300*time.Millisecond, func(w http.ResponseWriter, _ *http.Request) {
		if calls.Add(1) > 2 {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		_, _ = w.Write([]byte(answer))
	})
	require.Error(t, err)
	require.Equal(t, `{"package":"a","term":"a","summary":"It is."}
{"package":"a","term":"b","summary":"It is."}
{"package":"b","term":"b","summary":"It is."}
`, out)
}

// A service that takes requests and never answers is down as well.
func TestAServiceThatHangsEndsTheRun(t *testing.T) {
	t.Parallel()
	_, err := ask(t, t.Context(), 300*time.Millisecond, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only after that does net/http notice that the client has gone
		<-r.Context().Done()
	}, chat.Timeout(20*time.Millisecond))
	require.ErrorContains(t, err, "the service has been down for 300ms, giving up")
}

func TestAnInterruptFinishesWhatWasBegun(t *testing.T) {
	interrupt, cancel := context.WithCancel(t.Context())
	out, err := ask(t, interrupt, time.Minute, func(w http.ResponseWriter, _ *http.Request) {
		cancel()
		_, _ = w.Write([]byte(answer))
	})
	require.ErrorIs(t, err, cli.ErrInterrupted)
	require.Contains(t, out, `{"package":"a","term":"a","summary":"It is."}`)
}

// If the service is down at that moment, the interrupt is still no failure of the program.
func TestAnInterruptDuringAnOutageIsAnInterrupt(t *testing.T) {
	interrupt, cancel := context.WithCancel(t.Context())
	_, err := ask(t, interrupt, time.Minute, func(w http.ResponseWriter, _ *http.Request) {
		cancel()
		w.WriteHeader(http.StatusInternalServerError)
	})
	require.ErrorIs(t, err, cli.ErrInterrupted)
	require.ErrorContains(t, err, "interrupted; 0 lines are written, ")
	require.ErrorContains(t, err, "were given up, the first: stage \"summarise\": ")
}

// Batches that could not be written were missing from the line, which did not add up.
func TestTheLedgerCountsWhatFailed(t *testing.T) {
	rep := &flow.Report{Ledger: stages.Ledger{In: 3, Derived: 40, Folded: 38, Failed: 3, DeadLettered: 2}}
	require.Equal(t, "3 packages + 40 terms = 0 batches + 38 folded into them + 5 failed; it balances", ledger(rep))
}

func TestASummaryThatCannotBePrintedIsOneLine(t *testing.T) {
	gone, w := io.Pipe()
	require.NoError(t, gone.Close())
	require.EqualError(t, summarize(w, &flow.Report{}, &outage{}, nil), "io: read/write on closed pipe")
}

package main

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
)

// served is a gateway that serves a listener of its own, as the program does.
type served struct {
	*front
	interrupt context.CancelFunc
	ended     chan error
	report    *flow.Report
}

func start(t *testing.T, drain time.Duration, model ask, change ...func(*config)) *served {
	t.Helper()
	c := defaults()
	c.model, c.timeout, c.drain = "m", 10*time.Second, drain
	for _, f := range change {
		f(&c)
	}
	g, err := open(c, model)
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	ctx, interrupt := context.WithCancel(t.Context())
	s := &served{
		front:     &front{g, t, "http://" + listener.Addr().String(), &http.Client{Transport: transport}},
		interrupt: interrupt, ended: make(chan error, 1),
	}
	go func() {
		var err error
		s.report, err = g.serve(ctx, listener)
		s.ended <- err
	}()
	return s
}

// At the end the gateway answers the requests in work, and takes no new ones.
func TestShutdownAnswersWhatIsInWork(t *testing.T) {
	begun, release := make(chan struct{}), make(chan struct{})
	s := start(t, 10*time.Second, func(ctx context.Context, request json.RawMessage) (json.RawMessage, error) {
		close(begun)
		<-release
		return echo(ctx, request)
	})
	inWork := make(chan answer, 1)
	s.begin(asking("in work"), inWork)
	<-begun
	s.interrupt()
	require.Eventually(t, func() bool {
		_, err := s.post(t.Context(), asking("too late"))
		return err != nil // the gateway does not listen any more
	}, 5*time.Second, time.Millisecond)
	close(release)
	require.Equal(t, 200, (<-inWork).status)
	require.NoError(t, <-s.ended)
	require.NoError(t, s.report.Check())
	require.EqualValues(t, 1, s.report.Ledger.Out)
	require.Contains(t, s.report.String(), "complete")
}

// A model that does not answer does not keep the gateway from ending.
func TestShutdownRefusesWhatIsNotAnsweredInTime(t *testing.T) {
	begun := make(chan struct{})
	s := start(t, 50*time.Millisecond, func(ctx context.Context, _ json.RawMessage) (json.RawMessage, error) {
		close(begun)
		<-ctx.Done()
		return nil, ctx.Err()
	})
	inWork := make(chan answer, 1)
	s.begin(asking("in work"), inWork)
	<-begun
	s.interrupt()
	a := <-inWork
	require.Equal(t, 503, a.status, a)
	require.Equal(t, "the gateway is shutting down", message(t, a))
	require.Equal(t, "1", a.header.Get("Retry-After"))
	require.ErrorIs(t, <-s.ended, flow.ErrDrainTimeout)
	require.NoError(t, s.report.Check())
}

// A client that does not take its answer does not keep the gateway from ending. The
// text of the error had "%!w(<nil>)" in it.
func TestShutdownCutsOffAClientThatDoesNotRead(t *testing.T) {
	s := start(t, 50*time.Millisecond, large)
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.(*net.TCPConn).SetReadBuffer(4<<10))
	body := asking("q")
	_, err = io.WriteString(conn, completion(len(body))+body)
	require.NoError(t, err)
	require.Equal(t, "200", status(conn))
	s.interrupt()
	require.EqualError(t, <-s.ended, "requests were cut off\nflow: drain timed out")
	require.NoError(t, s.report.Check())
}

func TestServeReportsAListenerThatBreaks(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	g, err := open(defaults(), echo)
	require.NoError(t, err)
	report, err := g.serve(t.Context(), listener)
	require.ErrorIs(t, err, net.ErrClosed)
	require.NoError(t, report.Check())
}

// program runs main without the process, until ctx ends.
func program(ctx context.Context, args string, stderr io.Writer) (code int, stdout string) {
	var out strings.Builder
	c := defaults()
	code = c.program().Run(ctx, strings.Fields(args), environment(), &out, stderr)
	return code, out.String()
}

func TestRunHelp(t *testing.T) {
	code, stdout := program(t.Context(), "-h", io.Discard)
	require.Zero(t, code)
	for _, text := range []string{"Usage: gateway", "OPENAI_BASE_URL", "OPENAI_API_KEY", "-addr host:port", "-model name", "(default 64)"} {
		require.Contains(t, stdout, text)
	}
}

func TestRunReportsBadUseInOneLine(t *testing.T) {
	var stderr strings.Builder
	code, stdout := program(t.Context(), "-limit 0", &stderr)
	require.Equal(t, 2, code)
	require.Empty(t, stdout)
	require.Equal(t, "gateway: -limit 0 is not between 1 and 100000 (-h for help)\n", stderr.String())
}

func TestRunReportsAPlaceThatIsTaken(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	var stderr strings.Builder
	code, _ := program(t.Context(), "-addr "+listener.Addr().String(), &stderr)
	require.Equal(t, 1, code)
	require.Regexp(t, `^gateway: listen tcp .*: address already in use\n$`, stderr.String())
}

// The whole program: it says where it listens, answers, and prints its report.
func TestRun(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	lines, stderr := io.Pipe()
	type ending struct {
		code   int
		stdout string
	}
	ended := make(chan ending, 1)
	go func() {
		code, stdout := program(ctx, "-addr 127.0.0.1:0", stderr)
		stderr.Close()
		ended <- ending{code, stdout}
	}()
	text := make([]byte, 200)
	n, err := lines.Read(text)
	require.NoError(t, err)
	url, _, _ := strings.Cut(string(text[:n]), "/v1 asks ")
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	f := &front{t: t, url: url, http: &http.Client{Transport: transport}}
	a := f.question("What is a weir?\n\nA low dam. It lets a stream through.")
	require.Equal(t, 200, a.status, a.body)
	require.Contains(t, a.body, `"content":"A low dam."`)
	interrupt()
	end := <-ended
	require.Zero(t, end.code)
	require.Contains(t, end.stdout, "complete")
	require.Contains(t, end.stdout, "in 1 + derived 0 + recovered 0 = out 1 ")
}

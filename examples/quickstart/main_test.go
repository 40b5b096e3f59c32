package main

import (
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// These tests use real HTTP on loopback, so they cannot run in a synctest bubble.

func start(t *testing.T, args string, env ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, faults strings.Builder
	c := defaults()
	code = c.program().Run(t.Context(), strings.Fields(args), environment(env...), &out, &faults)
	return code, out.String(), faults.String()
}

func TestRunHelp(t *testing.T) {
	code, stdout, stderr := start(t, "-h")
	require.Zero(t, code)
	require.Empty(t, stderr)
	for _, text := range []string{"Usage: quickstart", "OPENAI_BASE_URL", "OPENAI_API_KEY", "-model name", "-out file", "(default 16)"} {
		require.Contains(t, stdout, text)
	}
}

func TestRunServesAPage(t *testing.T) {
	code, _, stderr := start(t, "-limit 2 -live :0 -out "+filepath.Join(t.TempDir(), "out.jsonl"))
	require.Zero(t, code, stderr)
	require.Regexp(t, `(?m)^http://(127\.0\.0\.1|\[::1\]):\d+/ shows the run$`, stderr)
}

func TestRunReportsBadUseInOneLine(t *testing.T) {
	code, stdout, stderr := start(t, "-workers 0")
	require.Equal(t, 2, code)
	require.Empty(t, stdout)
	require.Equal(t, "quickstart: -workers 0 is not between 1 and 1000 (-h for help)\n", stderr)
}

func TestRunReportsAnUnreachableServiceInOneLine(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	base := "http://" + listener.Addr().String() + "/v1"
	code, stdout, stderr := start(t, "-model m", "OPENAI_BASE_URL", base)
	require.Equal(t, 1, code)
	require.Empty(t, stdout)
	require.Equal(t, "quickstart: chat: "+base+": connection refused: nothing listens there\n", stderr)
}

func TestRunReportsAWrongBaseURL(t *testing.T) {
	code, _, stderr := start(t, "-model m", "OPENAI_BASE_URL", "localhost/v1")
	require.Equal(t, 1, code)
	require.Equal(t, "quickstart: chat: base URL \"localhost/v1\" does not start with http:// or https://\n", stderr)
}

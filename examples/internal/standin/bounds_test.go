package standin

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func perfect(t *testing.T, m Manners) *Server {
	t.Helper()
	s, err := New(m)
	require.NoError(t, err)
	return s
}

func send(s *Server, prompt string) int {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/v1/chat/completions",
		strings.NewReader(fmt.Sprintf(`{"model":"m","messages":[{"role":"user","content":%q}]}`, prompt))))
	return w.Code
}

// The server remembered every prompt that it had ever met.
func TestTheServerForgetsOldPrompts(t *testing.T) {
	s := perfect(t, Manners{FailEvery: 1})
	meet := func(from, to int) {
		for n := from; n < to; n++ {
			s.record.next(s.manners, fmt.Sprint(n))
		}
	}
	before := used()
	require.Equal(t, 500, send(s, "0"), "its first try")
	meet(1, maxPrompts)
	require.Equal(t, 200, send(s, "0"), "its second try")
	meet(maxPrompts, 3*maxPrompts)
	require.Equal(t, 200, send(s, fmt.Sprint(2*maxPrompts)), "its second try")
	require.Equal(t, 500, send(s, "0"), "the server has forgotten it")
	meet(3*maxPrompts, 12*maxPrompts)
	require.Equal(t, 12*maxPrompts+1, s.Served().Prompts)
	require.Less(t, used()-before, 3<<19)
}

// used returns how many bytes of the heap are in use.
func used() int {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

func TestAnAnswerIsShortWhateverThePrompt(t *testing.T) {
	for _, unit := range []string{"a", "é", "''", "a\n"} {
		require.LessOrEqual(t, len(firstSentence(strings.Repeat(unit, 20_000))), maxSentence)
	}
}

// A request whose body never came, and an answer that was never read, were kept until
// the client went away.
func TestAClientThatHangsIsCutOff(t *testing.T) {
	s := perfect(t, Manners{})
	s.patience = 50 * time.Millisecond
	base, err := s.Start()
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	for name, sent := range map[string]string{
		"nothing":         "",
		"half a header":   "POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\n",
		"half a body":     "POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n{",
		"no next request": "GET /v1/models HTTP/1.1\r\nHost: h\r\n\r\n",
		"a long header":   "GET /v1/models HTTP/1.1\r\nHost: h\r\nX-Name: " + strings.Repeat("a", 200_000),
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", strings.TrimSuffix(strings.TrimPrefix(base, "http://"), "/v1"))
			require.NoError(t, err)
			defer conn.Close()
			_, _ = io.WriteString(conn, sent)
			require.NoError(t, conn.SetReadDeadline(time.Now().Add(5*time.Second)))
			_, err = io.Copy(io.Discard, conn)
			require.NotErrorIs(t, err, os.ErrDeadlineExceeded, "the connection is still open")
		})
	}
}

// The server reads on while it answers: a bound on that must leave time for the answer.
func TestASlowAnswerIsNotCutOff(t *testing.T) {
	s := perfect(t, Manners{MinLatency: 300 * time.Millisecond, MaxLatency: 300 * time.Millisecond})
	s.patience = 50 * time.Millisecond
	base, err := s.Start()
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 5 * time.Second}
	response, err := client.Post(base+"/chat/completions", "application/json",
		strings.NewReader(`{"model":"m","messages":[{"content":"x"}]}`))
	require.NoError(t, err)
	require.Equal(t, 200, response.StatusCode)
	require.NoError(t, response.Body.Close())
}

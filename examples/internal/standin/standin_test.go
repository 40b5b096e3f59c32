package standin_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/weir-go/weir/examples/internal/standin"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newServer(t *testing.T, m standin.Manners) *standin.Server {
	t.Helper()
	server, err := standin.New(m)
	require.NoError(t, err)
	return server
}

// ask calls the handler without a network, so that a test can do it in a bubble. It
// returns status 0 if the connection was cut.
func ask(server *standin.Server, prompt string) *httptest.ResponseRecorder {
	body, _ := json.Marshal(map[string]any{
		"model":    "m",
		"messages": []any{map[string]string{"role": "user", "content": prompt}},
	})
	return send(server, http.MethodPost, "/v1/chat/completions", string(body))
}

func send(server *standin.Server, method, path, body string) (w *httptest.ResponseRecorder) {
	w = httptest.NewRecorder()
	defer func() {
		if fault := recover(); fault != nil {
			if fault != http.ErrAbortHandler {
				panic(fault)
			}
			w.Code = 0
		}
	}()
	server.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	return w
}

func text(t *testing.T, w *httptest.ResponseRecorder) string {
	t.Helper()
	var got struct {
		Choices []struct {
			Message struct{ Content string }
		}
	}
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &got))
	require.Len(t, got.Choices, 1)
	return got.Choices[0].Message.Content
}

func TestAnswersWithTheFirstSentence(t *testing.T) {
	tests := []struct{ name, prompt, want string }{
		{"documentation", "Summarise net.\n\nPackage net talks\nto others. It is old.\n", "Package net talks to others."},
		{"one paragraph", "Package net talks. It is old.", "Package net talks."},
		{"no full stop", "x\n\nPackage net talks\n\nMore.", "Package net talks"},
		{"abbreviation", "x\n\nPackage flate follows L. P. Deutsch's text. More.", "Package flate follows L. P. Deutsch's text."},
		{"heading", "x\n\n# Overview\n\nText.", "# Overview"},
		{"nothing", "x\n\n  \n", "There is nothing to summarise."},
	}
	server := newServer(t, standin.Manners{})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := ask(server, tt.prompt)
			require.Equal(t, 200, w.Code)
			require.Equal(t, tt.want, text(t, w))
		})
	}
}

func TestRejectsWhatItCannotRead(t *testing.T) {
	server := newServer(t, standin.Manners{})
	for _, body := range []string{"", "{", `{"model":"m"}`, `{"messages":[{"content":"x"}]}`, `"` + strings.Repeat("x", 1<<20) + `"`} {
		w := send(server, http.MethodPost, "/v1/chat/completions", body)
		require.Equal(t, 400, w.Code)
		require.Contains(t, w.Body.String(), "invalid_request_error")
	}
	require.Equal(t, 405, send(server, http.MethodGet, "/v1/chat/completions", "").Code)
	require.Equal(t, 404, send(server, http.MethodGet, "/", "").Code)
	require.Equal(t, standin.Served{Requests: 5, Rejected: 5}, server.Served())
}

func TestTroubleDependsOnThePromptAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		manners := standin.Typical()
		manners.OutageAt = 0
		forward, backward := newServer(t, manners), newServer(t, manners)
		const prompts = 900
		first := make([]int, prompts)
		for i := range prompts {
			w := ask(forward, fmt.Sprint("prompt ", i))
			first[i] = w.Code
			if w.Code == 429 {
				require.Equal(t, "1", w.Header().Get("Retry-After"))
			}
		}
		for i := prompts - 1; i >= 0; i-- {
			require.Equal(t, first[i], ask(backward, fmt.Sprint("prompt ", i)).Code)
			require.Equal(t, 200, ask(backward, fmt.Sprint("prompt ", i)).Code, "the second try succeeds")
		}
		got := forward.Served()
		require.InDelta(t, prompts/30, got.Throttled, 15)
		require.InDelta(t, prompts/10, got.Failed, 30)
		require.Equal(t, prompts, got.Prompts)
		require.Equal(t, prompts, got.Answered+got.Throttled+got.Failed)

		manners.Seed++
		other, differs := newServer(t, manners), false
		for i := range prompts {
			differs = differs || ask(other, fmt.Sprint("prompt ", i)).Code != first[i]
		}
		require.True(t, differs, "another seed makes other prompts fail")
	})
}

func TestLatencyStaysInItsBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const least, most = 5 * time.Millisecond, 7 * time.Millisecond
		server := newServer(t, standin.Manners{MinLatency: least, MaxLatency: most})
		var low, high bool
		for i := range 200 {
			began := time.Now()
			require.Equal(t, 200, ask(server, fmt.Sprint(i)).Code)
			took := time.Since(began)
			require.GreaterOrEqual(t, took, least)
			require.LessOrEqual(t, took, most)
			low, high = low || took < 5500*time.Microsecond, high || took > 6500*time.Microsecond
		}
		require.True(t, low && high, "it varies")
	})
}

func TestOneOutageFromItsRequestOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newServer(t, standin.Manners{OutageAt: 3, Outage: 1500 * time.Millisecond})
		codes := func(n int) (got []int) {
			for range n {
				got = append(got, ask(server, "p").Code)
			}
			return got
		}
		time.Sleep(time.Hour)
		require.Equal(t, []int{200, 200, 503, 0, 503, 0}, codes(6))
		time.Sleep(1499 * time.Millisecond)
		require.Equal(t, []int{503, 0}, codes(2))
		time.Sleep(time.Millisecond)
		require.Equal(t, []int{200, 200}, codes(2))
		time.Sleep(time.Hour)
		require.Equal(t, []int{200}, codes(1))
		require.Equal(t, standin.Served{Requests: 11, Prompts: 1, Answered: 5, Refused: 3, Dropped: 3}, server.Served())
	})
}

// A request that meets the outage is not the first try of its prompt. So the same
// prompts are throttled and failed, whenever the outage comes.
func TestOutageUsesUpNoTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newServer(t, standin.Manners{FailEvery: 1, OutageAt: 1, Outage: time.Second})
		require.Equal(t, 503, ask(server, "p").Code)
		time.Sleep(time.Second)
		require.Equal(t, 500, ask(server, "p").Code)
		require.Equal(t, 200, ask(server, "p").Code)
	})
}

func TestNewReportsAllFaultsTogether(t *testing.T) {
	_, err := standin.New(standin.Manners{
		MinLatency: -1, MaxLatency: -2, ThrottleEvery: -1, RetryAfter: time.Millisecond, FailEvery: -1, OutageAt: -1, Outage: -1,
	})
	for _, text := range []string{"minimum latency", "maximum latency", "throttle", "whole seconds", "fail every", "outage at", "outage of"} {
		require.ErrorContains(t, err, text)
	}
	_, err = standin.New(standin.Typical())
	require.NoError(t, err)
}

// This test uses real HTTP on loopback, and so no bubble: a goroutine in a system call
// is not durably blocked.
func TestServesOverTheNetwork(t *testing.T) {
	server := newServer(t, standin.Manners{OutageAt: 2, Outage: time.Hour})
	base, err := server.Start()
	require.NoError(t, err)
	require.Regexp(t, `^http://127\.0\.0\.1:\d+/v1$`, base)
	_, err = server.Start()
	require.ErrorIs(t, err, standin.ErrStarted)

	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	post := func() (int, error) {
		response, err := client.Post(base+"/chat/completions", "application/json",
			strings.NewReader(`{"model":"m","messages":[{"content":"x"}]}`))
		if err != nil {
			return 0, err
		}
		return response.StatusCode, response.Body.Close()
	}
	status, err := post()
	require.NoError(t, err)
	require.Equal(t, 200, status)
	_, err = post()
	require.ErrorContains(t, err, "EOF", "the connection is cut")
	status, err = post()
	require.NoError(t, err)
	require.Equal(t, 503, status)

	response, err := client.Get(base + "/models")
	require.NoError(t, err)
	require.Equal(t, 200, response.StatusCode)
	require.NoError(t, response.Body.Close())

	require.NoError(t, server.Close())
	require.NoError(t, server.Close())
	client.CloseIdleConnections()
	_, err = post()
	require.ErrorContains(t, err, "refused", "the server does not listen any more")
}

// Real time: real connections.
func TestCloseEndsRequestsUnderWay(t *testing.T) {
	server := newServer(t, standin.Manners{MinLatency: time.Hour, MaxLatency: time.Hour})
	base, err := server.Start()
	require.NoError(t, err)
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
			_, err := client.Post(base+"/chat/completions", "application/json",
				strings.NewReader(`{"model":"m","messages":[{"content":"x"}]}`))
			assert.Error(t, err)
		})
	}
	require.Eventually(t, func() bool { return server.Served().Requests == 4 }, 2*time.Second, time.Millisecond)
	require.NoError(t, server.Close())
	clients.Wait()
}

func TestCloseWithoutStart(t *testing.T) {
	require.NoError(t, newServer(t, standin.Manners{}).Close())
}

package chat_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/weir-go/weir/examples/internal/chat"
	"github.com/weir-go/weir/primitives/outcome"
)

// The tests of this package use real HTTP on loopback. A goroutine in a system call is
// not durably blocked, so they cannot run in a synctest bubble.

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve returns a client of a service made of one handler.
func serve(t *testing.T, handler http.HandlerFunc, options ...chat.Option) *chat.Client {
	t.Helper()
	server := httptest.NewServer(handler)
	client, err := chat.New(server.URL+"/v1/", options...)
	require.NoError(t, err)
	t.Cleanup(func() {
		client.Close()
		server.Close()
	})
	return client
}

func answerWith(status int, header, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if name, value, ok := strings.Cut(header, ": "); ok {
			w.Header().Set(name, value)
		}
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

const fine = `{"model":"m-1","choices":[{"message":{"role":"assistant","content":" Package fmt prints. "}}],
	"usage":{"prompt_tokens":12,"completion_tokens":3}}`

func TestCompleteSendsTheRequestAndReadsTheAnswer(t *testing.T) {
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "POST /v1/chat/completions", r.Method+" "+r.URL.Path)
		assert.Equal(t, "Bearer secret", r.Header.Get("Authorization"))
		assert.Equal(t, "application/json", r.Header.Get("Content-Type"))
		var got any
		assert.NoError(t, json.NewDecoder(r.Body).Decode(&got))
		assert.Equal(t, map[string]any{"model": "m", "messages": []any{
			map[string]any{"role": "system", "content": "be short"},
			map[string]any{"role": "user", "content": "what is fmt?"},
		}}, got)
		io.WriteString(w, fine)
	}, chat.Key(" secret\n"))
	got, err := client.Complete(t.Context(), chat.Request{Model: "m", System: "be short", Prompt: "what is fmt?"})
	require.NoError(t, err)
	require.Equal(t, chat.Answer{Text: "Package fmt prints.", Model: "m-1", PromptTokens: 12, AnswerTokens: 3}, got)
}

func TestCompleteWithoutKeyAndSystem(t *testing.T) {
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		assert.NotContains(t, r.Header, "Authorization")
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		assert.JSONEq(t, `{"model":"m","messages":[{"role":"user","content":"p"}]}`, string(body))
		io.WriteString(w, fine)
	})
	_, err := client.Complete(t.Context(), chat.Request{Model: "m", Prompt: "p"})
	require.NoError(t, err)
}

func TestEveryStatusHasItsMeaning(t *testing.T) {
	failure, permanent := outcome.Outcome{Kind: outcome.Failure}, outcome.Outcome{Kind: outcome.Permanent}
	throttled := func(d time.Duration) outcome.Outcome { return outcome.Outcome{Kind: outcome.Throttled, After: d} }
	date := "Retry-After: " + time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat)
	tests := []struct {
		name   string
		status int
		header string
		body   string
		want   outcome.Outcome
		text   string
	}{
		{"429 with seconds", 429, "Retry-After: 2", `{"error":{"message":"slow down"}}`, throttled(2 * time.Second), "chat: complete: 429 Too Many Requests: slow down"},
		{"429 with milliseconds", 429, "Retry-After-Ms: 250", "", throttled(250 * time.Millisecond), "chat: complete: 429 Too Many Requests"},
		{"429 with a date that has passed", 429, date, "", throttled(0), ""},
		{"429 without a time", 429, "", "", throttled(0), ""},
		{"429 that stays", 429, "Retry-After: 2", `{"error":{"message":"no credit","code":"insufficient_quota"}}`, permanent, "no credit"},
		{"503 with seconds", 503, "Retry-After: 1", "", throttled(time.Second), ""},
		{"503 without a time", 503, "", "<h1>down</h1>", failure, "chat: complete: 503 Service Unavailable: <h1>down</h1>"},
		{"500", 500, "Retry-After: 1", "", failure, ""},
		{"408", 408, "", "", failure, ""},
		{"400", 400, "", `{"error":{"message":"bad\n  model","code":7}}`, permanent, "chat: complete: 400 Bad Request: bad model"},
		{"401", 401, "Retry-After: 1", "", permanent, ""},
		{"404", 404, "", "", permanent, ""},
		{"204 is no answer", 204, "", "", permanent, ""},
		{"200, not JSON", 200, "", "<html>", failure, "the response is not a chat completion"},
		{"200, no choice", 200, "", `{"choices":[]}`, failure, "the response has no text"},
		{"200, empty text", 200, "", `{"choices":[{"message":{"content":" \n"}}]}`, failure, "the response has no text"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			client := serve(t, answerWith(tt.status, tt.header, tt.body))
			_, err := client.Complete(t.Context(), chat.Request{Model: "m", Prompt: "p"})
			require.ErrorContains(t, err, tt.text)
			require.Equal(t, tt.want, outcome.Classify(t.Context(), err))
			var detail *chat.Error
			require.ErrorAs(t, err, &detail)
			require.Equal(t, tt.status, detail.Status)
			require.NotContains(t, err.Error(), "\n")
		})
	}
}

func TestNetworkFaultsAreFailures(t *testing.T) {
	tests := []struct {
		name    string
		handler http.HandlerFunc
		text    string
	}{
		{"connection cut before the answer", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "EOF"},
		{"connection cut in the answer", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			io.WriteString(w, `{"choices":`)
		}, "unexpected EOF"},
		{"endless answer", func(w http.ResponseWriter, r *http.Request) {
			for block := strings.Repeat(" ", 1<<16); r.Context().Err() == nil; {
				if _, err := io.WriteString(w, block); err != nil {
					return
				}
			}
		}, "longer than 1048576 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			client := serve(t, tt.handler)
			_, err := client.Complete(t.Context(), chat.Request{Prompt: "p"})
			require.ErrorContains(t, err, tt.text)
			require.Equal(t, outcome.Failure, outcome.Classify(t.Context(), err).Kind)
		})
	}
}

// hang does not answer until the client gives up. It reads the body first: only after
// that does net/http notice that the client has gone.
func hang(_ http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

func TestTimeoutIsAFailureAndTellsItsLength(t *testing.T) {
	client := serve(t, hang, chat.Timeout(20*time.Millisecond))
	_, err := client.Complete(t.Context(), chat.Request{Prompt: "p"})
	require.ErrorIs(t, err, chat.ErrTimeout)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.EqualError(t, err, "chat: complete: no answer within 20ms")
	require.Equal(t, outcome.Failure, outcome.Classify(t.Context(), err).Kind)
}

// The error of a call that was cancelled with a cause was only that cause: the breaker
// counted the user's Ctrl-C as a failure of the service.
func TestCancellationByTheCallerIsIgnored(t *testing.T) {
	ctrlC := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		cancel(ctrlC)
		hang(w, r)
	})
	_, err := client.Complete(ctx, chat.Request{Prompt: "p"})
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, err, ctrlC)
	require.Equal(t, outcome.Ignored, outcome.Classify(ctx, err).Kind)
}

func TestExcerptIsShortAndValid(t *testing.T) {
	client := serve(t, answerWith(500, "", strings.Repeat("é\xff ", 4000)))
	_, err := client.Complete(t.Context(), chat.Request{Prompt: "p"})
	var detail *chat.Error
	require.ErrorAs(t, err, &detail)
	require.LessOrEqual(t, len(detail.Excerpt), 200)
	require.True(t, strings.HasPrefix(detail.Excerpt, "é é é"), detail.Excerpt)
	require.True(t, strings.HasSuffix(detail.Excerpt, "…"), detail.Excerpt)
	require.NotContains(t, detail.Excerpt, "\xff")
}

func TestNewReportsAllFaultsTogether(t *testing.T) {
	_, err := chat.New("localhost:8080/v1", chat.Timeout(0), chat.Connections(-1), chat.Key("a\nb"))
	require.ErrorContains(t, err, `chat: base URL "localhost:8080/v1" does not start with http:// or https://`)
	require.ErrorContains(t, err, "timeout 0s is not above 0")
	require.ErrorContains(t, err, "-1 connections: at least 1 is needed")
	require.ErrorContains(t, err, "the key contains a line break")
	for _, base := range []string{"", "http://", "http://h/v1?key=1", "http://h/v1#x", "http://[::1"} {
		_, err := chat.New(base)
		require.Error(t, err, base)
	}
}

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
)

// These tests talk real HTTP on loopback, so they cannot run in a synctest bubble.

// front is a gateway in front of a model that is a function.
type front struct {
	*gateway
	t    *testing.T
	url  string
	http *http.Client
}

// stand opens a gateway, which is closed and has its books checked at the end.
func stand(t *testing.T, model ask, change ...func(*config)) *front {
	t.Helper()
	c := defaults()
	c.model, c.timeout = "m", 10*time.Second
	for _, f := range change {
		f(&c)
	}
	g, err := open(c, model)
	require.NoError(t, err)
	server := httptest.NewServer(g.routes())
	t.Cleanup(func() {
		server.Close() // waits for the handlers
		report, err := g.close()
		require.NoError(t, err)
		require.NoError(t, report.Check())
	})
	return &front{g, t, server.URL, server.Client()}
}

// answer is what a client gets.
type answer struct {
	status int
	header http.Header
	body   string
}

// post sends a body. It may be called from any goroutine.
func (f *front) post(ctx context.Context, body string, header ...string) (answer, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, f.url+"/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	return f.do(r)
}

// begin posts a body beside the test, and gives on the answer.
func (f *front) begin(body string, to chan<- answer) {
	go func() {
		a, err := f.post(f.t.Context(), body)
		assert.NoError(f.t, err)
		to <- a
	}()
}

func (f *front) do(r *http.Request) (answer, error) {
	response, err := f.http.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, string(text)}, err
}

// question asks a question, which must be answered somehow.
func (f *front) question(text string, header ...string) answer {
	f.t.Helper()
	a, err := f.post(f.t.Context(), asking(text), header...)
	require.NoError(f.t, err)
	return a
}

func asking(text string) string {
	return fmt.Sprintf(`{"messages":[{"role":"user","content":%q}]}`, text)
}

// figure returns a figure of the metrics by its path.
func (f *front) figure(path ...string) float64 {
	f.t.Helper()
	r, err := http.NewRequestWithContext(f.t.Context(), http.MethodGet, f.url+"/metrics", nil)
	require.NoError(f.t, err)
	a, err := f.do(r)
	require.NoError(f.t, err)
	var value any
	require.NoError(f.t, json.Unmarshal([]byte(a.body), &value))
	for _, name := range path {
		there, _ := value.(map[string]any)
		value = there[name]
	}
	if value == nil {
		return 0 // a status that nobody has seen, or the flow has only just begun
	}
	n, isNumber := value.(float64)
	require.True(f.t, isNumber, "%v is %v", path, value)
	return n
}

// until waits for a figure, which real connections make true in their own time.
func (f *front) until(want float64, path ...string) {
	f.t.Helper()
	require.Eventually(f.t, func() bool { return f.figure(path...) == want }, 5*time.Second, time.Millisecond, "%v", path)
}

// echo is a model that answers with the request.
func echo(_ context.Context, request json.RawMessage) (json.RawMessage, error) {
	return json.RawMessage(fmt.Sprintf(`{"choices":[%s]}`, request)), nil
}

func TestAnAnswerComesWithItsTimings(t *testing.T) {
	f := stand(t, func(ctx context.Context, request json.RawMessage) (json.RawMessage, error) {
		time.Sleep(20 * time.Millisecond) // real time: real connections
		return echo(ctx, request)
	})
	a := f.question("hello")
	require.Equal(t, 200, a.status, a.body)
	require.JSONEq(t, `{"choices":[{"model":"m","messages":[{"role":"user","content":"hello"}]}]}`, a.body)
	require.Equal(t, "application/json", a.header.Get("Content-Type"))
	require.Regexp(t, `^complete-wait;dur=\d+\.\d{3}, complete;dur=2\d\.\d{3};desc="1 call", total;dur=\d+\.\d{3}$`, a.header.Get("Server-Timing"))
	again := f.question("hello")
	require.Equal(t, a.body, again.body)
	require.Contains(t, again.header.Get("Server-Timing"), `complete;dur=0.000;desc="shared"`)
}

func TestEqualPromptsShareOneCall(t *testing.T) {
	release := make(chan struct{})
	f := stand(t, func(ctx context.Context, request json.RawMessage) (json.RawMessage, error) {
		<-release
		return echo(ctx, request)
	})
	const clients = 20
	answers := make(chan answer, clients)
	for i := range clients {
		// The order of the fields and the spaces are not the question.
		f.begin([]string{
			`{"seed":1,"messages":[{"role":"user","content":"q"}]}`,
			` { "messages" : [ {"content":"q", "role":"user"} ], "seed":1, "model":"m" }`,
		}[i%2], answers)
	}
	f.until(clients-1, "dedup", "shared")
	close(release)
	shared := 0
	for range clients {
		a := <-answers
		require.Equal(t, 200, a.status, a.body)
		if strings.Contains(a.header.Get("Server-Timing"), `desc="shared"`) {
			shared++
		}
	}
	require.Equal(t, clients-1, shared)
	require.EqualValues(t, 1, f.figure("stages", "complete", "effort", "attempts"))
	f.question("another")
	require.EqualValues(t, 2, f.figure("stages", "complete", "effort", "attempts"))
}

func TestAFullGatewayShedsAtOnce(t *testing.T) {
	release := make(chan struct{})
	f := stand(t, func(ctx context.Context, request json.RawMessage) (json.RawMessage, error) {
		<-release
		return echo(ctx, request)
	}, func(c *config) { c.limit, c.workers = 3, 2 })
	answers := make(chan answer, 3)
	for i := range 3 {
		f.begin(asking(fmt.Sprint(i)), answers)
	}
	f.until(3, "guard", "depth")
	a := f.question("one too many")
	require.Equal(t, 429, a.status)
	require.Equal(t, "1", a.header.Get("Retry-After"))
	require.JSONEq(t, `{"error":{"message":"3 of 3 requests are in work","type":"rate_limit_exceeded","code":"rate_limit_exceeded"}}`, a.body)
	close(release)
	for range 3 {
		require.Equal(t, 200, (<-answers).status)
	}
	require.Equal(t, 200, f.question("one too many").status)
	require.EqualValues(t, 1, f.figure("ledger", "shed"))
	require.EqualValues(t, 1, f.figure("responses", "429"))
}

// A client that has no more time is told so when it is over, and the model's call
// ends, so that it holds no worker.
func TestAClientsTimeIsKept(t *testing.T) {
	t.Parallel()
	ended := make(chan error, 1)
	f := stand(t, func(ctx context.Context, _ json.RawMessage) (json.RawMessage, error) {
		<-ctx.Done()
		ended <- context.Cause(ctx)
		return nil, ctx.Err()
	})
	begun := time.Now()
	a := f.question("slow", "Prefer", "respond-async, wait=1")
	require.Equal(t, 504, a.status)
	require.GreaterOrEqual(t, time.Since(begun), time.Second)
	require.Less(t, time.Since(begun), 5*time.Second)
	require.Contains(t, a.body, `"message":"no answer within 1s"`)
	require.ErrorIs(t, <-ended, context.DeadlineExceeded)
	f.until(0, "guard", "depth")
	f.until(1, "ledger", "expired")
}

func TestTheGatewayHasATimeOfItsOwn(t *testing.T) {
	f := stand(t, func(ctx context.Context, _ json.RawMessage) (json.RawMessage, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}, func(c *config) { c.timeout = 50 * time.Millisecond })
	a := f.question("slow", "Prefer", "wait=3600")
	require.Equal(t, 504, a.status)
	require.Contains(t, a.body, `"message":"no answer within 50ms"`)
}

func TestAClientThatGoesAwayEndsItsCall(t *testing.T) {
	begun, ended := make(chan struct{}), make(chan struct{})
	f := stand(t, func(ctx context.Context, _ json.RawMessage) (json.RawMessage, error) {
		close(begun)
		<-ctx.Done()
		close(ended)
		return nil, ctx.Err()
	})
	ctx, leave := context.WithCancel(t.Context())
	go func() {
		<-begun
		leave()
	}()
	_, err := f.post(ctx, asking("q"))
	require.ErrorIs(t, err, context.Canceled)
	<-ended
	f.until(0, "guard", "depth")
	f.until(1, "responses", "499")
	f.until(1, "ledger", "expired")
	require.EqualValues(t, 0, f.figure("breaker", "failures"), "it says nothing about the model")
}

// The first of those who share a call hangs up: the call goes on for the others.
func TestASharedCallOutlivesTheClientThatBeganIt(t *testing.T) {
	begun, release := make(chan struct{}), make(chan struct{})
	f := stand(t, func(ctx context.Context, request json.RawMessage) (json.RawMessage, error) {
		close(begun) // twice would panic
		select {
		case <-release:
			return echo(ctx, request)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	})
	first, hangUp := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	go func() {
		_, err := f.post(first, asking("q"))
		gone <- err
	}()
	<-begun
	others := make(chan answer, 2)
	for range 2 {
		f.begin(asking("q"), others)
	}
	f.until(2, "dedup", "shared")
	hangUp()
	require.ErrorIs(t, <-gone, context.Canceled)
	f.until(1, "responses", "499")
	close(release)
	for range 2 {
		require.Equal(t, 200, (<-others).status)
	}
}

func TestHealth(t *testing.T) {
	f := stand(t, echo)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, f.url+"/healthz", nil)
	require.NoError(t, err)
	a, err := f.do(r)
	require.NoError(t, err)
	require.Equal(t, 200, a.status)
	require.JSONEq(t, `{"status":"ok"}`, a.body)
	f.stopping.Store(true)
	a, err = f.do(r)
	require.NoError(t, err)
	require.Equal(t, 503, a.status)
}

func TestOpenRefusesWhatCannotBe(t *testing.T) {
	_, err := open(config{}, echo)
	require.ErrorIs(t, err, flow.ErrGraph)
}

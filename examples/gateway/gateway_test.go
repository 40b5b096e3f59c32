package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/primitives/dedup"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/stages"
)

// These tests use real HTTP on loopback, so they cannot run in a synctest bubble.

// front is a gateway in front of a function as the model.
type front struct {
	*gateway
	t    *testing.T
	url  string
	http *http.Client
}

// stand opens a gateway. At the end of the test it is closed, and its ledger is checked.
func stand(t *testing.T, model ask, change ...func(*config)) *front {
	t.Helper()
	c := defaults()
	c.model, c.timeout = "m", 10*time.Second
	for _, f := range change {
		f(&c)
	}
	g, err := open(c, model)
	require.NoError(t, err)
	server := httptest.NewUnstartedServer(nil)
	server.Config = g.server()
	server.Start()
	t.Cleanup(func() {
		server.Close() // waits for the handlers
		report, err := g.close()
		require.NoError(t, err)
		require.NoError(t, report.Check())
	})
	return &front{g, t, server.URL, server.Client()}
}

// answer is the response to a client.
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

// begin posts a body in a goroutine of its own, and sends the answer to a channel.
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

// question asks a question, and requires a response.
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
		value = inside(value, name)
	}
	if value == nil {
		return 0 // no client has got this status, or the flow has only just begun
	}
	n, isNumber := value.(float64)
	require.True(f.t, isNumber, "%v is %v", path, value)
	return n
}

// inside returns what stands under a name: in an object, or in a list of objects that have a name
// or a kind.
func inside(value any, name string) any {
	list, isList := value.([]any)
	if !isList {
		there, _ := value.(map[string]any)
		return there[name]
	}
	for _, one := range list {
		if there := one.(map[string]any); there["name"] == name || there["kind"] == name {
			return there
		}
	}
	return nil
}

// inLayer returns the path of a figure of a layer of the section.
func inLayer(kind, figure string) []string {
	return []string{"flow", "stages", "complete", "layers", kind, "figures", figure}
}

// until waits for a figure: real connections take their time.
func (f *front) until(want float64, path ...string) {
	f.t.Helper()
	require.Eventually(f.t, func() bool { return f.figure(path...) == want }, 5*time.Second, time.Millisecond, "%v", path)
}

// echo is a model that answers with the text of the request.
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
	timing := a.header.Get("Server-Timing")
	require.Regexp(t, `^complete-wait;dur=\d+\.\d{3}, complete;dur=\d+\.\d{3};desc="1 call", total;dur=\d+\.\d{3}$`, timing)
	var wait, work, total float64
	_, err := fmt.Sscanf(timing, `complete-wait;dur=%f, complete;dur=%f;desc="1 call", total;dur=%f`, &wait, &work, &total)
	require.NoError(t, err)
	require.GreaterOrEqual(t, work, 20.0)
	require.GreaterOrEqual(t, total, wait+work-0.001, "each is rounded")
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
		// The order of the fields and the spaces make no difference.
		f.begin([]string{
			`{"seed":1,"messages":[{"role":"user","content":"q"}]}`,
			` { "messages" : [ {"content":"q", "role":"user"} ], "seed":1, "model":"m" }`,
		}[i%2], answers)
	}
	f.until(clients-1, inLayer("dedup", "shared_total")...)
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
	require.EqualValues(t, 1, f.figure("flow", "stages", "complete", "calls_total"))
	f.question("another")
	require.EqualValues(t, 2, f.figure("flow", "stages", "complete", "calls_total"))
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
	f.until(3, inLayer("guard", "in_use")...)
	a := f.question("one too many")
	require.Equal(t, 429, a.status)
	require.Equal(t, "1", a.header.Get("Retry-After"))
	require.JSONEq(t, `{"error":{"message":"3 of 3 requests are in work","type":"rate_limit_exceeded","code":"rate_limit_exceeded"}}`, a.body)
	close(release)
	for range 3 {
		require.Equal(t, 200, (<-answers).status)
	}
	require.Equal(t, 200, f.question("one too many").status)
	require.EqualValues(t, 1, f.figure("flow", "ledger", "shed"))
	require.EqualValues(t, 1, f.figure("responses", "429"))
}

// When its time is up, the client is told so, and the call of the model ends, so that
// it holds no worker.
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
	f.until(0, inLayer("guard", "in_use")...)
	f.until(1, "flow", "ledger", "expired")
}

func TestTheGatewayHasATimeOfItsOwn(t *testing.T) {
	f := stand(t, func(ctx context.Context, _ json.RawMessage) (json.RawMessage, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}, func(c *config) { c.wait = 50 * time.Millisecond })
	a := f.question("slow", "Prefer", "wait=3600")
	require.Equal(t, 504, a.status)
	require.Contains(t, a.body, `"message":"no answer within 50ms"`)
}

// A client that is in a hurry is not held by the patience of another one that waits for the
// same answer.
func TestAClientsTimeIsKeptWhileOthersWaitForTheSameAnswer(t *testing.T) {
	t.Parallel()
	begun, release := make(chan struct{}), make(chan struct{})
	f := stand(t, func(ctx context.Context, request json.RawMessage) (json.RawMessage, error) {
		close(begun) // twice would panic
		<-release
		return echo(ctx, request)
	})
	hasty := make(chan answer, 1)
	go func() {
		a, err := f.post(t.Context(), asking("q"), "Prefer", "wait=1")
		assert.NoError(t, err)
		hasty <- a
	}()
	<-begun
	patient := make(chan answer, 1)
	f.begin(asking("q"), patient)
	f.until(1, inLayer("dedup", "shared_total")...)
	a := <-hasty
	require.Equal(t, 504, a.status)
	require.Equal(t, "no answer within 1s", message(t, a))
	close(release)
	require.Equal(t, 200, (<-patient).status)
}

// A deadline passes a moment before the timer of its context rings. What notices it first
// makes no difference to the client.
func TestWhoseTimeIsUp(t *testing.T) {
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	tests := []struct {
		name string
		err  error
		want string
	}{
		{"the client's", fmt.Errorf("%w: %w", stages.ErrExpired, context.DeadlineExceeded), "no answer within 50ms"},
		{"the model's", fmt.Errorf("%w: %w", stages.ErrTimeout, context.DeadlineExceeded), "the model did not answer in time"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := refuse(reason(t.Context(), r, 50*time.Millisecond, tt.err))
			require.Equal(t, http.StatusGatewayTimeout, got.status)
			require.Equal(t, tt.want, got.message)
		})
	}
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
	f.until(0, inLayer("guard", "in_use")...)
	f.until(1, "responses", "499")
	f.until(1, "flow", "ledger", "expired")
	require.EqualValues(t, 0, f.figure(inLayer("breaker", "failures")...), "it says nothing about the model")
}

// A client that closes its sending side looks as if it had gone, and may still read:
// it was told 200, without an answer.
func TestAClientThatOnlyStopsSendingIsNotTold200(t *testing.T) {
	f := stand(t, func(ctx context.Context, _ json.RawMessage) (json.RawMessage, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})
	conn, err := net.Dial("tcp", strings.TrimPrefix(f.url, "http://"))
	require.NoError(t, err)
	defer conn.Close()
	body := asking("q")
	_, err = io.WriteString(conn, completion(len(body))+body)
	require.NoError(t, err)
	require.NoError(t, conn.(*net.TCPConn).CloseWrite())
	text, err := io.ReadAll(conn)
	require.NoError(t, err)
	require.NotContains(t, string(text), "200 OK")
}

// If the client that began a shared call hangs up, the call goes on for the others.
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
	f.until(2, inLayer("dedup", "shared_total")...)
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
	require.ErrorIs(t, err, guard.ErrPolicy)
	require.ErrorIs(t, err, dedup.ErrPolicy)
	c := defaults()
	c.workers = 0
	_, err = open(c, echo)
	require.ErrorIs(t, err, flow.ErrGraph)
}

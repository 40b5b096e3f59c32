package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/examples/internal/chat"
)

// message returns the message of a refusal.
func message(t *testing.T, a answer) string {
	t.Helper()
	var wire struct{ Error struct{ Message string } }
	require.NoError(t, json.Unmarshal([]byte(a.body), &wire), a.body)
	return wire.Error.Message
}

// behind returns a gateway that asks a handler as the model, by the real client.
func behind(t *testing.T, handler http.HandlerFunc, change ...func(*config)) *front {
	t.Helper()
	model := httptest.NewServer(handler)
	client, err := chat.New(model.URL)
	require.NoError(t, err)
	t.Cleanup(func() {
		client.Close()
		model.Close()
	})
	return stand(t, client.Forward, change...)
}

func TestWhatTheModelSaysOfARequestIsPassedOn(t *testing.T) {
	tests := []struct {
		name           string
		status         int
		code           string
		want           int
		message, after string
	}{
		{"no such model", 404, "model_not_found", 404, "nothing like it", ""},
		{"a bad request", 400, "bad", 400, "nothing like it", ""},
		{"the gateway's key", 401, "bad_key", 502, "the model does not serve this gateway", ""},
		{"the gateway's credit", 429, "insufficient_quota", 502, "the model does not serve this gateway", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := behind(t, func(w http.ResponseWriter, _ *http.Request) {
				reply(w, tt.status, map[string]any{"error": map[string]string{"message": "nothing like it", "code": tt.code}})
			})
			a := f.question("q")
			require.Equal(t, tt.want, a.status)
			require.Equal(t, tt.message, message(t, a))
			require.EqualValues(t, 1, f.figure("flow", "stages", "complete", "calls_total"), "another try would not help")
		})
	}
}

func TestAModelThatFailsIsTriedAgain(t *testing.T) {
	var calls atomic.Int64
	f := behind(t, func(w http.ResponseWriter, _ *http.Request) {
		if calls.Add(1) < 3 {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		_, _ = w.Write([]byte(`{"choices":[{}]}`))
	})
	a := f.question("q")
	require.Equal(t, 200, a.status, a.body)
	require.Contains(t, a.header.Get("Server-Timing"), `desc="3 calls"`)
	require.EqualValues(t, 2, f.figure(inLayer("retry", "retries_total")...))
}

func TestAModelThatFailsAtEveryTry(t *testing.T) {
	f := behind(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
	a := f.question("q")
	require.Equal(t, 502, a.status)
	require.Equal(t, "the model failed with status 500", message(t, a))
	require.Contains(t, a.header.Get("Server-Timing"), `desc="3 calls"`, "a refusal has timings, too")
}

func TestAThrottledModelSaysWhenToComeBack(t *testing.T) {
	f := behind(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "3600") // longer than the retry waits
		w.WriteHeader(http.StatusTooManyRequests)
	})
	a := f.question("q")
	require.Equal(t, 503, a.status)
	require.Equal(t, "3600", a.header.Get("Retry-After"))
	require.Equal(t, "the model is throttled", message(t, a))
}

// When the model is down, the breaker opens, and no client waits for it any more. When
// the model is up again, the gateway notices.
func TestTheBreakerOpensAndCloses(t *testing.T) {
	t.Parallel()
	var up atomic.Bool
	var calls atomic.Int64
	f := behind(t, func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		if !up.Load() {
			panic(http.ErrAbortHandler) // the connection is cut
		}
		_, _ = w.Write([]byte(`{"choices":[{}]}`))
	})
	for i := range 5 {
		a := f.question(strconv.Itoa(i))
		require.Equal(t, 502, a.status)
		require.Equal(t, "the model gave no answer", message(t, a))
	}
	made := calls.Load()
	require.EqualValues(t, 15, made, "three tries each")
	begun := time.Now()
	a := f.question("while it is open")
	require.Less(t, time.Since(begun), 500*time.Millisecond)
	require.Equal(t, 503, a.status)
	require.Equal(t, "1", a.header.Get("Retry-After"))
	require.Equal(t, "the model is down", message(t, a))
	require.Equal(t, made, calls.Load(), "the model was not asked")

	up.Store(true)
	require.Eventually(t, func() bool { return f.question("is it up").status == 200 }, 5*time.Second, 20*time.Millisecond)
	require.Equal(t, 200, f.question("all is well").status)
	require.EqualValues(t, 0, f.figure(inLayer("breaker", "failures")...))
}

// The gateway does not tell its clients what went wrong inside.
func TestRefusalsKeepSecrets(t *testing.T) {
	f := stand(t, func(context.Context, json.RawMessage) (json.RawMessage, error) {
		return nil, errors.New("secret")
	})
	a := f.question("q")
	require.Equal(t, 500, a.status)
	require.Equal(t, "the gateway has failed", message(t, a))
}

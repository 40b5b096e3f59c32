package job_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/bench/load/internal/job"
	"github.com/weir-go/weir/primitives/outcome"
)

func clientOf(t *testing.T, h http.HandlerFunc) *job.Client {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	c := job.NewClient(server.URL, job.Usual())
	t.Cleanup(c.Close)
	return c
}

func TestACallReturnsTheKeyItWasAnswered(t *testing.T) {
	c := clientOf(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(strings.TrimPrefix(r.URL.Path, "/jobs/")))
	})
	answer, err := c.Call(t.Context(), 42)
	require.NoError(t, err)
	require.Equal(t, job.Answer{Key: 42}, answer)
}

func TestAnErrorSaysWhenToComeBack(t *testing.T) {
	for name, c := range map[string]struct {
		code   int
		header map[string]string
		after  time.Duration
		kind   outcome.Kind
	}{
		"a failure":           {500, nil, 0, outcome.Failure},
		"seconds":             {429, map[string]string{"Retry-After": "2"}, 2 * time.Second, outcome.Throttled},
		"milliseconds first":  {429, map[string]string{"Retry-After": "1", "Retry-After-Ms": "25"}, 25 * time.Millisecond, outcome.Throttled},
		"a date is not known": {503, map[string]string{"Retry-After": "Mon, 23 Nov 2026 12:00:00 GMT"}, 0, outcome.Failure},
		"nonsense":            {429, map[string]string{"Retry-After-Ms": "-5"}, 0, outcome.Failure},
	} {
		t.Run(name, func(t *testing.T) {
			client := clientOf(t, func(w http.ResponseWriter, _ *http.Request) {
				for k, v := range c.header {
					w.Header().Set(k, v)
				}
				w.WriteHeader(c.code)
			})
			_, err := client.Call(t.Context(), 1)
			require.Error(t, err)
			require.Equal(t, c.after, job.After(err))
			got := outcome.Classify(t.Context(), err)
			require.Equal(t, c.kind, got.Kind)
			require.Equal(t, c.after, got.After)
		})
	}
	require.Zero(t, job.After(errors.New("another")))
}

func TestAnAnswerThatIsNoKeyIsAnError(t *testing.T) {
	c := clientOf(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("hello")) })
	_, err := c.Call(t.Context(), 1)
	require.Error(t, err)
}

// Warm is there so that no call dials.
func TestWarmOpensTheConnections(t *testing.T) {
	const n = 8
	var inside atomic.Int64
	var callers sync.Map
	together := make(chan struct{})
	c := clientOf(t, func(w http.ResponseWriter, r *http.Request) {
		callers.Store(r.RemoteAddr, true)
		if inside.Add(1) == n {
			close(together) // none is used for two
		}
		<-together
		_, _ = w.Write([]byte("1"))
	})
	opened := func() (n int) {
		callers.Range(func(any, any) bool { n++; return true })
		return n
	}
	require.NoError(t, c.Warm(t.Context(), n))
	require.Equal(t, n, opened())
	for range 20 {
		_, err := c.Call(t.Context(), 1)
		require.NoError(t, err)
	}
	require.NoError(t, c.Begin(t.Context()))
	require.Equal(t, n, opened())
}

func TestFatesHaveNames(t *testing.T) {
	seen := map[string]bool{}
	for f := range job.Fates {
		seen[job.Fate(f).String()] = true
	}
	require.Len(t, seen, job.Fates)
}

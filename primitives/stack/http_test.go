package stack_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/breaker"
)

// watched is a body that notes its end.
type watched struct {
	io.Reader
	closed *int
}

func (w watched) Close() error { *w.closed++; return nil }

// server answers as told, and counts its bodies.
type server struct {
	answers []func() (*http.Response, error)
	seen    []string // the bodies of the requests
	at      []time.Time
	closed  []int // how often the body of each response was closed
}

func (s *server) RoundTrip(req *http.Request) (*http.Response, error) {
	body := ""
	if req.Body != nil {
		all, _ := io.ReadAll(req.Body)
		body = string(all)
		_ = req.Body.Close()
	}
	s.seen, s.at, s.closed = append(s.seen, body), append(s.at, time.Now()), append(s.closed, 0)
	n := len(s.seen) - 1
	resp, err := s.answers[min(n, len(s.answers)-1)]()
	if resp != nil {
		resp.Body = watched{strings.NewReader("body"), &s.closed[n]}
	}
	return resp, err
}

func status(code int, headers ...string) func() (*http.Response, error) {
	return func() (*http.Response, error) {
		resp := response(code, "")
		for i := 0; i+1 < len(headers); i += 2 {
			resp.Header.Set(headers[i], headers[i+1])
		}
		return resp, nil
	}
}

func breaks() (*http.Response, error) { return nil, errDown }

func newRequest(t *testing.T, method, body string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://api.example/", strings.NewReader(body))
	require.NoError(t, err)
	return req
}

func TestRetryAfterIsHonoured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		date := time.Now().Add(90 * time.Second).UTC().Format(http.TimeFormat)
		s := &server{answers: []func() (*http.Response, error){
			status(429, "Retry-After", "30"), status(503, "Retry-After", date), status(200),
		}}
		resp, err := newTransport(s).RoundTrip(newRequest(t, http.MethodGet, ""))
		require.NoError(t, err)
		require.Equal(t, 200, resp.StatusCode)
		// Full jitter adds up to the delay of the policy.
		require.InDelta(t, 30*time.Second, s.at[1].Sub(s.at[0]), float64(20*time.Millisecond))
		require.InDelta(t, 90*time.Second, s.at[2].Sub(s.at[0]), float64(60*time.Millisecond))
	})
}

// Each try sends the whole body, and each response but the one that is returned is
// closed once.
func TestBodiesOfTries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{answers: []func() (*http.Response, error){status(500), breaks, status(503), status(200)}}
		resp, err := newTransport(s).RoundTrip(newRequest(t, http.MethodPut, "hello"))
		require.NoError(t, err)
		require.Equal(t, 200, resp.StatusCode)
		require.Equal(t, []string{"hello", "hello", "hello", "hello"}, s.seen)
		require.Equal(t, []int{1, 0, 1, 0}, s.closed)
	})
}

// A response that remains is returned with its body, and not an error.
func TestTheLastResponseIsReturned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{answers: []func() (*http.Response, error){status(500)}}
		resp, err := newTransport(s).RoundTrip(newRequest(t, http.MethodGet, ""))
		require.NoError(t, err)
		require.Equal(t, 500, resp.StatusCode)
		require.Equal(t, []int{1, 1, 1, 0}, s.closed)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.Equal(t, "body", string(body))
	})
}

// What must not be sent twice is sent once, and counts to the breaker all the same.
func TestWhatMustNotBeSentTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{answers: []func() (*http.Response, error){status(500), breaks}}
		tr := newTransport(s)
		resp, err := tr.RoundTrip(newRequest(t, http.MethodPost, "a"))
		require.NoError(t, err)
		require.Equal(t, 500, resp.StatusCode)
		for range 4 {
			piped := newRequest(t, http.MethodPut, "")
			piped.Body, piped.GetBody = io.NopCloser(strings.NewReader("b")), nil
			_, err = tr.RoundTrip(piped)
			require.ErrorIs(t, err, errDown)
		}
		require.Equal(t, []string{"a", "b", "b", "b", "b"}, s.seen)
		_, err = tr.RoundTrip(newRequest(t, http.MethodGet, ""))
		require.ErrorIs(t, err, breaker.ErrOpen)

		keyed := newRequest(t, http.MethodPost, "c")
		keyed.Header.Set("Idempotency-Key", "1")
		s = &server{answers: []func() (*http.Response, error){breaks, status(200)}}
		_, err = newTransport(s).RoundTrip(keyed)
		require.NoError(t, err)
		require.Len(t, s.seen, 2)
	})
}

// A body that cannot be had again ends the call.
func TestABodyThatCannotBeRewound(t *testing.T) {
	errGone := errors.New("the file is gone")
	req := newRequest(t, http.MethodPut, "a")
	req.GetBody = func() (io.ReadCloser, error) { return nil, errGone }
	s := &server{answers: []func() (*http.Response, error){breaks}}
	_, err := newTransport(s).RoundTrip(req)
	require.ErrorIs(t, err, errGone)
	require.Empty(t, s.seen)
}

// Clients that hang up do not open the breaker for the others.
func TestClientsOfATransportThatHangUp(t *testing.T) {
	hangs := transportFunc(func(req *http.Request) (*http.Response, error) {
		<-req.Context().Done()
		return nil, errors.New("http2: stream cancelled")
	})
	tr := newTransport(hangs)
	for range 9 {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Millisecond, cancel)
		_, err := tr.RoundTrip(newRequest(t, http.MethodGet, "").WithContext(ctx))
		require.ErrorIs(t, err, context.Canceled)
		require.NotErrorIs(t, err, breaker.ErrOpen)
	}
}

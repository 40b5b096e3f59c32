package stack_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/outcome"
	"github.com/weir-go/weir/primitives/retry"
	"github.com/weir-go/weir/primitives/stack"
)

// transport is an http.RoundTripper that tries again and stops calling a service that
// is down. It waits as long as a Retry-After header says, closes the bodies of the
// responses that it drops, and sends the body of a request anew with each try.
type transport struct {
	stack *stack.Stack[*http.Request, *http.Response]
}

func newTransport(base http.RoundTripper) *transport {
	send := func(ctx context.Context, req *http.Request) (*http.Response, error) {
		try, err := rewind(ctx, req)
		if err != nil {
			return nil, err
		}
		resp, err := base.RoundTrip(try)
		if err == nil {
			err = statusOf(resp)
		}
		if err != nil && !repeatable(req) {
			err = onceError{err}
		}
		return resp, err
	}
	return &transport{stack.Around(send).
		Retry(retry.Exponential(4, 10*time.Millisecond, retry.Limit(isOnce, 1)), closeResponse).
		Breaker(breaker.Consecutive("api", 5, 10*time.Second))}
}

// RoundTrip implements http.RoundTripper. A response that remains after all tries is a
// response, whatever its status: the caller judges it.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		defer req.Body.Close()
	}
	resp, err := t.stack.Do(req.Context(), req)
	if resp != nil {
		return resp, nil
	}
	return nil, err
}

// rewind returns the request for one try. GetBody, which http.NewRequest sets for most
// bodies, gives the body from its beginning.
func rewind(ctx context.Context, req *http.Request) (*http.Request, error) {
	try := req.Clone(ctx)
	if req.GetBody == nil {
		return try, nil
	}
	body, err := req.GetBody()
	if err != nil {
		return nil, outcome.AsPermanent(err)
	}
	try.Body = body
	return try, nil
}

// repeatable reports that a request may be sent twice: it changes nothing the second
// time, and its body can be had again.
func repeatable(req *http.Request) bool {
	switch req.Method {
	case http.MethodGet, http.MethodHead, http.MethodPut, http.MethodDelete:
	default:
		if req.Header.Get("Idempotency-Key") == "" {
			return false
		}
	}
	return req.Body == nil || req.Body == http.NoBody || req.GetBody != nil
}

// onceError is an error that no try may follow. The breaker counts it like any other.
type onceError struct{ error }

func (e onceError) Unwrap() error { return e.error }

func isOnce(err error) bool {
	_, ok := errors.AsType[onceError](err)
	return ok
}

// statusOf returns the error that a status stands for, or nil.
func statusOf(resp *http.Response) error {
	err := statusError(resp.StatusCode)
	switch {
	case err == http.StatusTooManyRequests, err == http.StatusServiceUnavailable:
		return outcome.AsThrottled(err, retryAfter(resp))
	case err >= 500:
		return err
	}
	return nil
}

// retryAfter returns how long the service asks to wait, 0 if it does not say.
func retryAfter(resp *http.Response) time.Duration {
	text := resp.Header.Get("Retry-After")
	if seconds, err := strconv.Atoi(text); err == nil {
		return time.Duration(min(seconds, 1e6)) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return time.Until(at)
	}
	return 0
}

// closeResponse reads a bounded part of the body, so that the connection can be used
// again, and closes it. A try without a response has nil.
func closeResponse(resp *http.Response) {
	if resp != nil {
		_, _ = io.CopyN(io.Discard, resp.Body, 64<<10)
		_ = resp.Body.Close()
	}
}

// A service that answers with 500 twice, and then repeats the body of the request.
func Example_roundTripper() {
	fails := 2
	service := transportFunc(func(req *http.Request) (*http.Response, error) {
		body, _ := io.ReadAll(req.Body)
		fmt.Printf("%s %s: %s\n", req.Method, req.URL.Path, body)
		if fails--; fails >= 0 {
			return response(500, "try later"), nil
		}
		return response(200, strings.ToUpper(string(body))), nil
	})
	client := &http.Client{Transport: newTransport(service)}

	req, _ := http.NewRequest(http.MethodPut, "http://api.example/note", strings.NewReader("a weir is a low dam"))
	resp, err := client.Do(req)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	fmt.Printf("%d %s\n", resp.StatusCode, body)
	// Output:
	// PUT /note: a weir is a low dam
	// PUT /note: a weir is a low dam
	// PUT /note: a weir is a low dam
	// 200 A WEIR IS A LOW DAM
}

// transportFunc is a function as an http.RoundTripper.
type transportFunc func(*http.Request) (*http.Response, error)

func (f transportFunc) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

func response(status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
}

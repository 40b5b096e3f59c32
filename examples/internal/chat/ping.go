package chat

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"syscall"
)

// ErrUnreachable matches every error of [Client.Ping].
var ErrUnreachable = errors.New("the service cannot be used")

// Ping asks the service for its models, which costs nothing. So a program learns
// before a long run whether the service is there and takes the key. Ping returns early
// when ctx ends, and at the latest after the timeout of the client.
//
// The error is one line that says what to look at, such as "no such host". Every
// status below 500 except 401 and 403 is a success, because some services do not list
// their models.
func (c *Client) Ping(ctx context.Context) error {
	_, err := c.call(ctx, "ping", http.MethodGet, "/models", nil)
	if err == nil {
		return nil
	}
	var e *Error
	if !errors.As(err, &e) {
		return &PingError{Base: c.base, Err: err}
	}
	if e.Err == nil && e.Status < 500 && e.Status != http.StatusUnauthorized && e.Status != http.StatusForbidden {
		return nil
	}
	return &PingError{Base: c.base, Err: e, advice: c.advice(e)}
}

// PingError says that the service at Base cannot be used, and why.
type PingError struct {
	Base   string
	Err    error
	advice string
}

// Error returns one line for the person at the terminal.
func (e *PingError) Error() string {
	base := e.Base
	if u, err := url.Parse(base); err == nil {
		base = u.Redacted()
	}
	if e.advice == "" {
		return fmt.Sprintf("chat: %s: %v", base, e.Err)
	}
	return fmt.Sprintf("chat: %s: %s", base, e.advice)
}

// Unwrap lets errors.Is find [ErrUnreachable] and the cause.
func (e *PingError) Unwrap() []error { return []error{ErrUnreachable, e.Err} }

// advice has a text for each cause that the user can remove, and "" for the rest.
func (c *Client) advice(e *Error) string {
	var dns *net.DNSError
	switch {
	case errors.Is(e, syscall.ECONNREFUSED):
		return "connection refused: nothing listens there"
	case errors.As(e, &dns) && dns.IsNotFound:
		return fmt.Sprintf("no such host: %s", dns.Name)
	case errors.Is(e, ErrTimeout):
		return e.Err.Error()
	case e.Status == http.StatusUnauthorized && c.policy.key == "":
		return "401: the service wants a key, and none is set"
	case e.Status == http.StatusUnauthorized:
		return "401: the service refuses the key"
	case e.Status == http.StatusForbidden:
		return "403: the key may not use this service"
	case e.Status >= 500:
		return fmt.Sprintf("%d %s: the service is down", e.Status, http.StatusText(e.Status))
	}
	return ""
}

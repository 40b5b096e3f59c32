package chat

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

const (
	// maxBody bounds what the client reads of a response. An answer of one sentence
	// has about 1 kB; a text that is longer than this is not an answer.
	maxBody = 1 << 20
	// maxHeader bounds the header of a response in the same way.
	maxHeader = 64 << 10
)

// Client calls one service. It is safe for concurrent use. Make it with [New].
type Client struct {
	base    string // without a slash at its end
	policy  policy
	http    *http.Client
	closing func()
}

// New returns a client of the service whose API starts at base, for example
// "https://api.openai.com/v1". It opens no connection; [Client.Ping] does. The
// error lists all that is wrong with base and the options.
func New(base string, options ...Option) (*Client, error) {
	p := policy{timeout: 30 * time.Second, connections: 16}
	for _, option := range options {
		option(&p)
	}
	base, err := checkBase(base)
	if err = errors.Join(err, p.check()); err != nil {
		return nil, fmt.Errorf("chat: %w", err)
	}
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment,
		// A call that gives up leaves behind the connection that was being made for it,
		// which may serve the next call. So making it needs a bound of its own, which is longer
		// than that of the call: else it would be chance which of the two a call is told.
		DialContext:         (&net.Dialer{Timeout: 2 * p.timeout}).DialContext,
		TLSHandshakeTimeout: 2 * p.timeout,
		// The default of 2 would open a new connection for nearly every call.
		MaxIdleConnsPerHost:    p.connections,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: maxHeader,
		ForceAttemptHTTP2:      true,
	}
	return &Client{
		base:    base,
		policy:  p,
		http:    &http.Client{Transport: transport},
		closing: transport.CloseIdleConnections,
	}, nil
}

// Close closes the idle connections. Call it when no call is under way.
func (c *Client) Close() { c.closing() }

// Request asks for one answer.
type Request struct {
	Model string
	// System tells the model how to answer; it may be empty.
	System string
	// Prompt is what to answer.
	Prompt string
}

// Answer is what the service said.
type Answer struct {
	Text string
	// Model is the model that answered, as named by the service.
	Model string
	// PromptTokens and AnswerTokens are what the service charges for. They are 0 if the
	// service does not tell.
	PromptTokens, AnswerTokens int
}

// Complete asks once and waits for the answer. It returns early when ctx ends, and
// fails if the timeout of the client passes first. Every error is an [*Error] and
// carries its outcome; the package comment has the table.
func (c *Client) Complete(ctx context.Context, r Request) (Answer, error) {
	body, err := json.Marshal(newCompletion(r))
	if err != nil {
		return Answer{}, (&Error{Op: "complete", Err: err}).mean(nil)
	}
	reply, err := c.call(ctx, "complete", http.MethodPost, "/chat/completions", body)
	if err != nil {
		return Answer{}, err
	}
	answer, err := reply.answer()
	if err != nil {
		return Answer{}, &Error{Op: "complete", Status: reply.status, Excerpt: excerpt(reply.body), Err: err}
	}
	return answer, nil
}

// call sends one request and reads its whole response. A status other than 200
// is an error.
func (c *Client) call(ctx context.Context, op, method, path string, body []byte) (reply, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.policy.timeout, errTimeout(c.policy.timeout))
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return reply{}, (&Error{Op: op, Err: err}).mean(nil)
	}
	request.Header.Set("Content-Type", "application/json")
	if c.policy.key != "" {
		request.Header.Set("Authorization", "Bearer "+c.policy.key)
	}
	response, err := c.http.Do(request)
	if err != nil {
		// Without a response nothing is known about the request: it is worth another try.
		return reply{}, &Error{Op: op, Err: explain(ctx, err)}
	}
	defer response.Body.Close()
	// One byte more than is allowed tells a long body from one that just fits.
	text, err := io.ReadAll(io.LimitReader(response.Body, maxBody+1))
	switch {
	case response.StatusCode != http.StatusOK:
		// The beginning of the body is enough to tell why.
		e := &Error{Op: op, Status: response.StatusCode, Code: errorCode(text), Excerpt: excerpt(text)}
		return reply{}, e.mean(response.Header)
	case err != nil:
		return reply{}, &Error{Op: op, Status: response.StatusCode, Err: explain(ctx, err)}
	case len(text) > maxBody:
		return reply{}, &Error{Op: op, Status: response.StatusCode, Err: errTooLong}
	}
	return reply{status: response.StatusCode, body: text}, nil
}

// explain says what ended the call if that was no fault of the network: the client's
// own timeout, with its length, or the caller. The transport reports the cause of the
// cancellation, which may be any error. The caller's cancellation must match
// context.Canceled, or the breaker would count it.
func explain(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	switch {
	case errors.Is(cause, ErrTimeout):
		return cause
	case errors.Is(ctx.Err(), context.Canceled) && !errors.Is(err, context.Canceled):
		return fmt.Errorf("%w: %w", context.Canceled, cause)
	}
	return err
}

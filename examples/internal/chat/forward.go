package chat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// Forward sends the text of a chat completion unchanged, and returns the text of the
// response unchanged: it is for a proxy. It returns early when ctx ends, and fails if
// the timeout of the client passes first. A response that is not a chat completion is
// a failure. Every error is an [*Error], as with [Client.Complete].
func (c *Client) Forward(ctx context.Context, request json.RawMessage) (json.RawMessage, error) {
	reply, err := c.call(ctx, "forward", http.MethodPost, "/chat/completions", request)
	if err != nil {
		return nil, err
	}
	if err := reply.check(); err != nil {
		return nil, &Error{Op: "forward", Status: reply.status, Excerpt: excerpt(reply.body), Err: err}
	}
	return reply.body, nil
}

// check tells an answer from the page of a proxy. What is in the answer is for the
// caller.
func (r reply) check() error {
	var wire struct {
		// One choice is enough to see. A slice would have room for all, however many.
		Choices [1]json.RawMessage `json:"choices"`
	}
	if err := json.Unmarshal(r.body, &wire); err != nil {
		return fmt.Errorf("the response is not a chat completion: %w", err)
	}
	if wire.Choices[0] == nil {
		return errors.New("the response has no choices")
	}
	return nil
}

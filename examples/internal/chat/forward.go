package chat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// Forward sends a chat completion as its writer wrote it, and returns the response
// as the service wrote it: for those who stand between the two. It returns early
// when ctx ends, and fails when the timeout of the client passes first. A response
// that is not a chat completion is a failure. Every error is an [*Error], as with
// [Client.Complete].
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

// check looks no further than to tell an answer from a page of a proxy: what is
// in it is for the one who asked.
func (r reply) check() error {
	var wire struct {
		Choices []json.RawMessage `json:"choices"`
	}
	if err := json.Unmarshal(r.body, &wire); err != nil {
		return fmt.Errorf("the response is not a chat completion: %w", err)
	}
	if len(wire.Choices) == 0 {
		return errors.New("the response has no choices")
	}
	return nil
}

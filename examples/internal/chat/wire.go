package chat

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// completion is the request as the service reads it. Temperature and length
// stay unset on purpose: not every service takes them, and some refuse them.
type completion struct {
	Model    string    `json:"model"`
	Messages []message `json:"messages"`
}

// message is one turn of the conversation. The roles used here are system and
// user; the answer comes back as assistant.
type message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

// newCompletion leaves out an empty system message, which some services refuse.
func newCompletion(r Request) completion {
	c := completion{Model: r.Model}
	if r.System != "" {
		c.Messages = append(c.Messages, message{"system", r.System})
	}
	c.Messages = append(c.Messages, message{"user", r.Prompt})
	return c
}

// reply is a response with status 200, read to its end.
type reply struct {
	status int
	body   []byte
}

// answer decodes the response. A service that answers with nothing has failed:
// an empty text would end up in the user's file as a result.
func (r reply) answer() (Answer, error) {
	var wire struct {
		Model   string `json:"model"`
		Choices []struct {
			Message message `json:"message"`
		} `json:"choices"`
		Usage struct {
			PromptTokens     int `json:"prompt_tokens"`
			CompletionTokens int `json:"completion_tokens"`
		} `json:"usage"`
	}
	if err := json.Unmarshal(r.body, &wire); err != nil {
		return Answer{}, fmt.Errorf("the response is not a chat completion: %w", err)
	}
	if len(wire.Choices) == 0 || strings.TrimSpace(wire.Choices[0].Message.Content) == "" {
		return Answer{}, errors.New("the response has no text")
	}
	return Answer{
		Text:         strings.TrimSpace(wire.Choices[0].Message.Content),
		Model:        wire.Model,
		PromptTokens: wire.Usage.PromptTokens,
		AnswerTokens: wire.Usage.CompletionTokens,
	}, nil
}

// failure is the body of an error as OpenAI sends it. Code is a word in most
// services and a number in some, so it is decoded only where it is a word.
type failure struct {
	Error struct {
		Message string          `json:"message"`
		Code    json.RawMessage `json:"code"`
	} `json:"error"`
}

// errorMessage returns what the service says to people, or "".
func errorMessage(body []byte) string { return decodeFailure(body).Error.Message }

// errorCode returns what the service says to programs, or "".
func errorCode(body []byte) string {
	var code string
	if json.Unmarshal(decodeFailure(body).Error.Code, &code) != nil {
		return ""
	}
	return code
}

// decodeFailure returns the zero value for a body of another form: proxies answer
// in HTML, and a failed call must not fail a second time over its text.
func decodeFailure(body []byte) failure {
	var f failure
	if json.Unmarshal(body, &f) != nil {
		return failure{}
	}
	return f
}

package chat

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// completion is the request as the service reads it. It has no temperature and no
// length, because some services refuse them.
type completion struct {
	Model    string    `json:"model"`
	Messages []message `json:"messages"`
}

// message is one message of the conversation. A request has the roles system and
// user; an answer has the role assistant.
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

// answer decodes the response. A response without text is a failure: an empty text
// would end up in the user's file as a result.
func (r reply) answer() (Answer, error) {
	var wire struct {
		Model string `json:"model"`
		// Only the first choice counts. A slice would have room for all, however many.
		Choices [1]struct {
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
	text := strings.TrimSpace(wire.Choices[0].Message.Content)
	if text == "" {
		return Answer{}, errors.New("the response has no text")
	}
	return Answer{
		Text:         text,
		Model:        wire.Model,
		PromptTokens: wire.Usage.PromptTokens,
		AnswerTokens: wire.Usage.CompletionTokens,
	}, nil
}

// failure is the body of an error as OpenAI sends it. Code is a word in most services
// and a number in some, so it is decoded only if it is a word.
type failure struct {
	Error struct {
		Message string          `json:"message"`
		Code    json.RawMessage `json:"code"`
	} `json:"error"`
}

// errorMessage returns the message for people, or "".
func errorMessage(body []byte) string { return decodeFailure(body).Error.Message }

// maxCode is the longest error code, in bytes. Programs keep errors and print them, so
// the service must not decide how long they are.
const maxCode = 100

// errorCode returns the code for programs, or "".
func errorCode(body []byte) string {
	var code string
	if json.Unmarshal(decodeFailure(body).Error.Code, &code) != nil || len(code) > maxCode {
		return ""
	}
	return code
}

// decodeFailure returns the zero value for a body of another form, such as the HTML of
// a proxy.
func decodeFailure(body []byte) failure {
	var f failure
	if json.Unmarshal(body, &f) != nil {
		return failure{}
	}
	return f
}

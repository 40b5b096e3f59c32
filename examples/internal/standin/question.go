package standin

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/doc"
	"net/http"
	"strings"
)

// Model is the name of the only model.
const Model = "first-sentence"

// question is the request as far as the server reads it.
type question struct {
	Model    string `json:"model"`
	Messages []struct {
		Content string `json:"content"`
	} `json:"messages"`
}

// read decodes and checks a request of at most 1 MiB. Its errors are for the client.
func read(w http.ResponseWriter, r *http.Request) (question, error) {
	var q question
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&q)
	switch {
	case err != nil:
		return q, fmt.Errorf("the request is not JSON: %w", err)
	case q.Model == "":
		return q, errors.New("the request names no model")
	case q.prompt() == "":
		return q, errors.New("the request has no message")
	}
	return q, nil
}

// prompt is the last message; the messages before it say how to answer.
func (q question) prompt() string {
	if len(q.Messages) == 0 {
		return ""
	}
	return q.Messages[len(q.Messages)-1].Content
}

// answer is the response in the form that OpenAI documents. A token counts as four
// bytes, by the usual rule of thumb.
func (q question) answer() any {
	text := firstSentence(q.prompt())
	in, out := tokens(q.prompt()), tokens(text)
	return map[string]any{
		"object": "chat.completion",
		"model":  q.Model,
		"choices": []any{map[string]any{
			"index":         0,
			"message":       map[string]string{"role": "assistant", "content": text},
			"finish_reason": "stop",
		}},
		"usage": map[string]int{"prompt_tokens": in, "completion_tokens": out, "total_tokens": in + out},
	}
}

func tokens(text string) int { return (len(text) + 3) / 4 }

// maxSentence is the longest answer, in bytes.
const maxSentence = 4000

// firstSentence returns the first sentence of what follows the first empty line, or
// of the prompt if there is no empty line. It is one line, is never empty, and is cut
// off at maxSentence bytes: a model always says something, and not for ever.
func firstSentence(prompt string) string {
	sentence := synopsis(prompt)
	if len(sentence) <= maxSentence {
		return sentence
	}
	return strings.ToValidUTF8(sentence[:maxSentence], "")
}

func synopsis(prompt string) string {
	text := prompt
	if _, rest, found := strings.Cut(prompt, "\n\n"); found {
		text = rest
	}
	// Synopsis does not take the initials of a name for the end of a sentence.
	if sentence := new(doc.Package).Synopsis(text); sentence != "" {
		return sentence
	}
	// Synopsis skips headings, lists and code.
	for line := range strings.Lines(text) {
		if words := strings.Fields(line); len(words) > 0 {
			return strings.Join(words, " ")
		}
	}
	return "There is nothing to summarise."
}

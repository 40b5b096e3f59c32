package chat_test

import (
	"encoding/json"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/examples/internal/chat"
	"github.com/weir-go/weir/primitives/outcome"
)

func TestForwardChangesNothing(t *testing.T) {
	const asked = `{"model":"m","messages":[{"role":"user","content":"p"}],"temperature":0.5,"seed":7}`
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "POST /v1/chat/completions", r.Method+" "+r.URL.Path)
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		assert.Equal(t, asked, string(body))
		io.WriteString(w, fine)
	})
	got, err := client.Forward(t.Context(), json.RawMessage(asked))
	require.NoError(t, err)
	require.Equal(t, fine, string(got))
}

func TestForwardTellsWhatIsNoAnswer(t *testing.T) {
	tests := []struct {
		name, body, want string
		status           int
		kind             outcome.Kind
	}{
		{"a page", "<html>", "chat: forward: 200 OK: the response is not a chat completion: invalid character '<' looking for beginning of value: <html>", 200, outcome.Failure},
		{"no choices", `{"choices":[]}`, `chat: forward: 200 OK: the response has no choices: {"choices":[]}`, 200, outcome.Failure},
		{"a refusal", `{"error":{"message":"no such model"}}`, "chat: forward: 404 Not Found: no such model", 404, outcome.Permanent},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			client := serve(t, answerWith(tt.status, "", tt.body))
			_, err := client.Forward(t.Context(), json.RawMessage(`{}`))
			require.EqualError(t, err, tt.want)
			require.Equal(t, tt.kind, outcome.Classify(t.Context(), err).Kind)
			var e *chat.Error
			require.ErrorAs(t, err, &e)
		})
	}
}

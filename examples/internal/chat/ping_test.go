package chat_test

import (
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/examples/internal/chat"
)

func TestPing(t *testing.T) {
	tests := []struct {
		name    string
		status  int
		options []chat.Option
		text    string
	}{
		{"there", 200, nil, ""},
		{"lists no models", 404, nil, ""},
		{"busy", 429, nil, ""},
		{"no key", 401, nil, "401: the service wants a key, and none is set"},
		{"wrong key", 401, []chat.Option{chat.Key("sk-wrong")}, "401: the service refuses the key"},
		{"forbidden", 403, nil, "403: the key may not use this service"},
		{"down", 502, nil, "502 Bad Gateway: the service is down"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			client := serve(t, func(w http.ResponseWriter, r *http.Request) {
				assert.Equal(t, "GET /v1/models", r.Method+" "+r.URL.Path)
				w.WriteHeader(tt.status)
			}, tt.options...)
			err := client.Ping(t.Context())
			if tt.text == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, chat.ErrUnreachable)
			require.Regexp(t, `^chat: http://127\.0\.0\.1:\d+/v1: `+tt.text+`$`, err.Error())
			require.NotContains(t, err.Error(), "sk-wrong")
		})
	}
}

func TestPingSaysWhyNothingAnswers(t *testing.T) {
	t.Run("refused", func(t *testing.T) {
		// The port was free a moment ago, and most likely still is.
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		base := "http://user:pass@" + listener.Addr().String()
		require.NoError(t, listener.Close())
		err = ping(t, base)
		require.ErrorContains(t, err, "connection refused: nothing listens there")
		require.NotContains(t, err.Error(), "pass@")
	})
	t.Run("hangs", func(t *testing.T) {
		client := serve(t, hang, chat.Timeout(10*time.Millisecond))
		require.ErrorContains(t, client.Ping(t.Context()), "no answer within 10ms")
	})
	t.Run("not HTTP", func(t *testing.T) {
		client := serve(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
		require.ErrorIs(t, client.Ping(t.Context()), chat.ErrUnreachable)
	})
}

func ping(t *testing.T, base string) error {
	t.Helper()
	client, err := chat.New(base, chat.Timeout(time.Second))
	require.NoError(t, err)
	defer client.Close()
	return client.Ping(t.Context())
}

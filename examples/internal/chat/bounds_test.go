package chat_test

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/examples/internal/chat"
	"github.com/weir-go/weir/primitives/outcome"
)

// allocated returns how many MiB f allocates.
func allocated(f func()) int {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return int(after.TotalAlloc-before.TotalAlloc) >> 20
}

// An answer of 1 MiB with as many choices as it has room for took 55 MB to look at:
// the client wants the first.
func TestAnAnswerOfManyChoicesCostsLittle(t *testing.T) {
	const head = `{"choices":[{"message":{"content":"a"}}`
	body := head + strings.Repeat(",{}", (1<<20-len(head)-2)/3) + `]}`
	client := serve(t, answerWith(200, "", body))
	require.Less(t, allocated(func() {
		got, err := client.Complete(t.Context(), chat.Request{Prompt: "p"})
		require.NoError(t, err)
		require.Equal(t, "a", got.Text)
	}), 10)
	require.Less(t, allocated(func() {
		_, err := client.Forward(t.Context(), json.RawMessage(`{}`))
		require.NoError(t, err)
	}), 10)
}

// An error held, and printed, as much of the response as the service liked.
func TestAnErrorIsShortWhateverTheResponse(t *testing.T) {
	digits, words := strings.Repeat("1", 500_000), strings.Repeat("a ", 250_000)
	for name, handler := range map[string]http.HandlerFunc{
		"a number for a text": answerWith(200, "", `{"choices":[{"message":{"content":`+digits+`}}]}`),
		"a long code":         answerWith(400, "", `{"error":{"message":"`+words+`","code":"`+words+`"}}`),
		"a long field":        answerWith(200, "", `{"`+digits+`":1,"`+digits+`":1`),
	} {
		t.Run(name, func(t *testing.T) {
			client := serve(t, handler)
			_, err := client.Complete(t.Context(), chat.Request{Prompt: "p"})
			var detail *chat.Error
			require.ErrorAs(t, err, &detail)
			require.Less(t, len(err.Error()), 500)
			require.Less(t, len(detail.Code), 200)
		})
	}
}

// silent accepts connections and tells their first bytes to speak.
func silent(t *testing.T, speak func(net.Conn)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, listener.Close()) })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = conn.Close() })
			speak(conn)
		}
	}()
	return listener.Addr().String()
}

// The header of a response could be 10 MiB long.
func TestAnEndlessHeaderIsAFailure(t *testing.T) {
	address := silent(t, func(conn net.Conn) {
		go func() {
			_, err := conn.Read(make([]byte, 1<<12)) // the request: an answer before it is another error
			if err == nil {
				_, err = io.WriteString(conn, "HTTP/1.1 200 OK\r\n")
			}
			for line := []byte("X-Name: " + strings.Repeat("a", 1000) + "\r\n"); err == nil; {
				_, err = conn.Write(line) // allocates nothing, which would count
			}
		}()
	})
	client, err := chat.New("http://" + address)
	require.NoError(t, err)
	defer client.Close()
	require.LessOrEqual(t, allocated(func() {
		_, err = client.Complete(t.Context(), chat.Request{Prompt: "p"})
	}), 1)
	require.ErrorContains(t, err, "headers exceeded")
	require.Equal(t, outcome.Failure, outcome.Classify(t.Context(), err).Kind)
}

// A service that takes the connection and never speaks kept a goroutine, and the
// connection, long after the call had given up.
func TestAHandshakeThatHangsEndsWithTheTimeout(t *testing.T) {
	ended := make(chan error, 1)
	address := silent(t, func(conn net.Conn) {
		go func() {
			_, err := io.Copy(io.Discard, conn)
			ended <- err
		}()
	})
	client, err := chat.New("https://"+address, chat.Timeout(50*time.Millisecond))
	require.NoError(t, err)
	defer client.Close()
	_, err = client.Complete(t.Context(), chat.Request{Prompt: "p"})
	require.ErrorIs(t, err, chat.ErrTimeout)
	select {
	case <-ended:
	case <-time.After(5 * time.Second): // real time: a real connection
		assert.Fail(t, "the connection is still open")
	}
}

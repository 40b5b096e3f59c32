package endpoint_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/weir-go/weir/examples/internal/chat"
	"github.com/weir-go/weir/examples/internal/endpoint"
	"github.com/weir-go/weir/examples/internal/standin"
)

// These tests use real HTTP on loopback, so they cannot run in a synctest bubble.

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var config = endpoint.Config{Timeout: 10 * time.Second, Connections: 2}

func TestConnectReachesAServiceThatIsThere(t *testing.T) {
	there, err := endpoint.Connect(t.Context(), config, standin.Manners{})
	require.NoError(t, err)
	defer func() { require.NoError(t, there.Close()) }()
	c := config
	c.BaseURL = there.Base
	e, err := endpoint.Connect(t.Context(), c, standin.Manners{})
	require.NoError(t, err)
	defer func() { require.NoError(t, e.Close()) }()
	require.Nil(t, e.Standin)
	answer, err := e.Client.Complete(t.Context(), chat.Request{Model: "m", Prompt: "One. Two."})
	require.NoError(t, err)
	require.Equal(t, "One.", answer.Text)
}

// Connect ends what it began if it fails: goleak would find the stand-in.
func TestConnectLeavesNothingBehindIfItFails(t *testing.T) {
	c := config
	c.Timeout = -1
	_, err := endpoint.Connect(t.Context(), c, standin.Manners{})
	require.EqualError(t, err, "chat: timeout -1ns is not above 0")
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = endpoint.Connect(gone, config, standin.Manners{})
	require.ErrorIs(t, err, chat.ErrUnreachable)
	_, err = endpoint.Connect(t.Context(), config, standin.Manners{FailEvery: -1})
	require.EqualError(t, err, "standin: fail every -1 is below 0")
}

func ExampleConnect() {
	e, err := endpoint.Connect(context.Background(), config, standin.Manners{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer e.Close()
	answer, err := e.Client.Complete(context.Background(), chat.Request{Model: "m", Prompt: "Weirs are low. Dams are not."})
	fmt.Println(answer.Text, err)
	// Output: Weirs are low. <nil>
}

func ExampleEndpoint_Close() {
	e, err := endpoint.Connect(context.Background(), config, standin.Manners{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(e.Close())
	// Output: <nil>
}

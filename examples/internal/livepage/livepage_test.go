package livepage_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/weir-go/weir/examples/internal/livepage"
	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages/sink"
	"github.com/weir-go/weir/stages/source"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// These tests use real HTTP on loopback, so they cannot run in a synctest bubble.

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	r, err := http.Get(url)
	require.NoError(t, err)
	defer http.DefaultClient.CloseIdleConnections()
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	return r.StatusCode, string(body)
}

func TestThePageShowsTheRun(t *testing.T) {
	var said strings.Builder
	page, err := livepage.Open(":0", &said)
	require.NoError(t, err)
	url := strings.Fields(said.String())[0]
	status, _ := get(t, url)
	require.Equal(t, http.StatusServiceUnavailable, status, "the run has not begun")

	numbers := make(chan int)
	run, err := flow.From(source.Chan(numbers)).To(sink.ForEach(func(context.Context, int) error { return nil })).
		Start(t.Context(), flow.Named("numbers"), page.Show())
	require.NoError(t, err)
	status, body := get(t, url)
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, body, "<h1>numbers</h1>")

	close(numbers)
	_, err = run.Wait()
	require.NoError(t, err)
	_, body = get(t, url+"events")
	require.Contains(t, body, `"controls":true`, "only this machine reaches the page")
	require.Contains(t, body, `"state":"ended"`)
	require.NoError(t, page.Close())
}

func TestWithoutAnAddressThereIsNoPage(t *testing.T) {
	page, err := livepage.Open("", io.Discard)
	require.NoError(t, err)
	_, err = flow.From(source.Slice([]int{1})).To(sink.ForEach(func(context.Context, int) error { return nil })).Run(t.Context(), page.Show())
	require.NoError(t, err)
	require.NoError(t, page.Close())
}

func TestAnAddressThatCannotBeUsedIsAnError(t *testing.T) {
	for _, addr := range []string{"8080", "localhost:99999"} {
		_, err := livepage.Open(addr, io.Discard)
		require.ErrorContains(t, err, "-live: ")
	}
}

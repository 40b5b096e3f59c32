package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/examples/internal/endpoint"
	"github.com/weir-go/weir/examples/internal/standin"
)

// Under load: 300 requests a second for 1.5 seconds, at fixed times. A third of them
// are equal to another. The model has all its faults, and an outage in the middle. Each
// client gets the answer to its own question, or is told why it is refused and when to
// come back, and the ledger balances. Real time: real connections.
func TestUnderLoad(t *testing.T) {
	t.Parallel()
	const requests, every = 450, time.Second / 300
	manners := standin.Typical()
	manners.OutageAt, manners.Outage = 200, 300*time.Millisecond
	model, err := endpoint.Connect(t.Context(), endpoint.Config{Timeout: 10 * time.Second, Connections: 16}, manners)
	require.NoError(t, err)
	defer func() { require.NoError(t, model.Close()) }()
	s := start(t, 10*time.Second, model.Client.Forward)
	s.http.Transport.(*http.Transport).MaxIdleConnsPerHost = requests

	var mu sync.Mutex
	statuses := map[int]int{}
	var clients sync.WaitGroup
	tick := time.NewTicker(every)
	defer tick.Stop()
	for i := range requests {
		<-tick.C // a slow request does not delay the next one
		clients.Go(func() {
			n := i
			if i%3 == 2 {
				n = i - 1
			}
			want := fmt.Sprintf("Answer %d.", n)
			a, err := s.post(t.Context(), asking("What is it?\n\n"+want+" It is a number."))
			if !assert.NoError(t, err) {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			statuses[a.status]++
			switch a.status {
			case 200:
				assert.Equal(t, want, content(a.body), a.body)
				assert.NotEmpty(t, a.header.Get("Server-Timing"))
			case 429, 503:
				assert.NotEmpty(t, a.header.Get("Retry-After"))
			case 502:
				assert.True(t, strings.Contains(a.body, "the model"), a.body)
			default:
				assert.Fail(t, "unexpected", "%d %s", a.status, a.body)
			}
		})
	}
	clients.Wait()
	t.Log(statuses, s.figure("latency", "p50_ms"), s.figure("latency", "p99_ms"))
	require.Greater(t, statuses[200], requests/3, "the outage is a fifth of the time")
	require.Positive(t, s.figure(inLayer("dedup", "shared_total")...)+s.figure(inLayer("dedup", "hits_total")...))
	require.EqualValues(t, 0, s.figure(inLayer("guard", "in_use")...))
	s.interrupt()
	require.NoError(t, <-s.ended)
	require.NoError(t, s.report.Check())
	require.EqualValues(t, requests, s.report.Ledger.In)
	require.EqualValues(t, statuses[200], s.report.Ledger.Out)
	require.EqualValues(t, statuses[429], s.report.Ledger.Shed)
}

// content returns the text of an answer.
func content(body string) string {
	var wire struct {
		Choices []struct{ Message struct{ Content string } }
	}
	if json.Unmarshal([]byte(body), &wire) != nil || len(wire.Choices) == 0 {
		return ""
	}
	return wire.Choices[0].Message.Content
}

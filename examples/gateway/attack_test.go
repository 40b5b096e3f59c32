package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Each test of this file is an attack by one client on a gateway with real sockets. The
// bounds are a few times what the gateway needs, and far below what it took before.
// The clients of an attack share what they send, so they need little memory themselves.

const limit, places = 8, 12 // of the gateway under attack

// besieged is a gateway with few places and little patience.
func besieged(t *testing.T, model ask, change ...func(*config)) *served {
	t.Helper()
	s := start(t, 5*time.Second, model, append([]func(*config){func(c *config) {
		c.limit, c.workers, c.cache, c.transfer = limit, 4, 4, 300*time.Millisecond
	}}, change...)...)
	t.Cleanup(func() {
		s.interrupt()
		require.NoError(t, <-s.ended)
		require.NoError(t, s.report.Check())
	})
	return s
}

// clients runs n clients at a time, each with a connection of its own.
func (s *served) clients(n int, attack func(i int, conn net.Conn)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
			if !assert.NoError(s.t, err) {
				return
			}
			defer conn.Close()
			assert.NoError(s.t, conn.SetDeadline(time.Now().Add(20*time.Second)))
			attack(i, conn)
		})
	}
	all.Wait()
}

// completion is the text of a request of which the body is length bytes.
func completion(length int) string {
	return fmt.Sprintf("POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n", length)
}

// full is a body of 1 MiB, or a little less, that repeats unit.
func full(head, unit, tail string) []byte {
	return []byte(head + strings.Repeat(unit, (maxBody-len(head)-len(tail))/len(unit)) + tail)
}

// serves requires that the gateway serves other clients after the attack. On a busy
// machine a client may not take its answer in time, and tries again.
func (s *served) serves() {
	s.t.Helper()
	require.Eventually(s.t, func() bool {
		a, err := s.post(s.t.Context(), asking("is it there?"))
		return err == nil && a.status == 200
	}, 10*time.Second, 10*time.Millisecond)
}

// 1 MiB of faulty messages were answered with 18 MB.
func TestManyFaultsAreFewLines(t *testing.T) {
	s := besieged(t, echo)
	body := `{"messages":[` + strings.Repeat("{},", 5000) + `{}]}`
	a, err := s.post(t.Context(), body)
	require.NoError(t, err)
	require.Equal(t, 400, a.status)
	require.True(t, strings.HasSuffix(message(t, a), "; messages[9].role is missing; and 4991 more"), message(t, a))
	require.Less(t, len(a.body), 1000)
}

// Twenty clients that do not read their answers held 1.6 GB.
func TestFaultyRequestsWhoseAnswersAreNotRead(t *testing.T) {
	for name, body := range map[string][]byte{
		"objects": full(`{"messages":[{}`, `,{}`, `]}`),
		"lists":   full(`{"messages":[[]`, `,[]`, `]}`),
		"numbers": full(`{"messages":[1`, `,1`, `]}`),
		"names":   names(),
	} {
		t.Run(name, func(t *testing.T) {
			s := besieged(t, echo, func(c *config) { c.limit = 64 })
			got := peak(t, func() {
				var begun sync.WaitGroup
				begun.Add(20)
				s.clients(20, func(_ int, conn net.Conn) {
					_, _ = io.WriteString(conn, completion(len(body)))
					_, _ = conn.Write(body)
					_ = status(conn)
					begun.Done()
					begun.Wait() // until all have the beginning of an answer
				})
			})
			require.Less(t, got, 150)
			s.serves()
		})
	}
}

// names is a body of 1 MiB with as many fields as it has room for.
func names() []byte {
	var b bytes.Buffer
	b.WriteString(`{"messages":[{"role":"user"}]`)
	for i := 0; b.Len() < maxBody-20; i++ {
		fmt.Fprintf(&b, `,"%x":1`, i)
	}
	b.WriteString("}")
	return b.Bytes()
}

// The gateway read the bodies of all clients at once, before they had a place.
func TestBodiesThatNeverEnd(t *testing.T) {
	s := besieged(t, echo)
	body := full("", " ", "")
	statuses := make(chan string, 150)
	got := peak(t, func() {
		s.clients(150, func(_ int, conn net.Conn) {
			_, _ = io.WriteString(conn, completion(len(body)))
			_, _ = conn.Write(body[1:])
			statuses <- status(conn)
		})
	})
	require.Less(t, got, 60)
	close(statuses)
	count := map[string]int{}
	for s := range statuses {
		count[s]++
	}
	t.Log(count)
	require.Positive(t, count["408"], "its time was up")
	require.Positive(t, count["429"], "there was no place for it")
	s.serves()
}

// status reads the status of an answer, "" if there is none.
func status(conn net.Conn) string {
	line := make([]byte, len("HTTP/1.1 200"))
	if _, err := io.ReadFull(conn, line); err != nil {
		return ""
	}
	return string(line[len("HTTP/1.1 "):])
}

// large is a model whose answers are 1 MiB each.
func large(context.Context, json.RawMessage) (json.RawMessage, error) {
	return bytes.Clone(largeAnswer), nil
}

var largeAnswer = full(`{"choices":["`, "a", `"]}`)

// questions is the text of n requests that no other client sends.
func questions(client, n int) string {
	var b strings.Builder
	for i := range n {
		body := asking(fmt.Sprint("client ", client, ", question ", i))
		b.WriteString(completion(len(body)) + body)
	}
	return b.String()
}

// The gateway held an answer for each client that did not read, however many there were.
func TestLargeAnswersThatAreNotRead(t *testing.T) {
	s := besieged(t, large, func(c *config) { c.limit, c.transfer, c.keep = 2, 100*time.Millisecond, time.Nanosecond })
	var turn sync.Mutex
	got := peak(t, func() {
		s.clients(60, func(i int, conn net.Conn) {
			turn.Lock() // so that the flow has a place for each
			_, _ = io.WriteString(conn, questions(i, 8))
			_ = status(conn)
			time.Sleep(20 * time.Millisecond) // real time: the gateway fills the socket
			turn.Unlock()
			time.Sleep(time.Second) // real time: and then waits for the client
		})
	})
	require.Less(t, got, 40)
	s.serves()
}

// A client had as much time to take its answers as it wanted.
func TestAnswersThatAreNotTakenInTimeAreCutOff(t *testing.T) {
	s := besieged(t, large)
	s.clients(1, func(_ int, conn net.Conn) {
		_, _ = io.WriteString(conn, questions(0, 8))
		time.Sleep(time.Second) // real time: the client does something else
		n, err := io.CopyN(io.Discard, conn, 8*maxBody)
		assert.Error(t, err)
		assert.Less(t, n, int64(2*maxBody))
	})
	s.serves()
}

// The cache was bounded in answers, and not in bytes.
func TestManyLargeAnswers(t *testing.T) {
	s := besieged(t, large, func(c *config) { c.cache, c.transfer = 8, time.Minute })
	before := live()
	for i := range 100 {
		require.Equal(t, 200, s.question(fmt.Sprint(i)).status)
	}
	require.LessOrEqual(t, s.figure(inLayer("dedup", "weight")...), float64(8<<20))
	require.Positive(t, s.figure(inLayer("dedup", "evicted_total")...))
	require.Less(t, live()-before, 40)
}

// A header could be 1 MiB long, and there was no bound on the connections.
func TestHeadersThatNeverEnd(t *testing.T) {
	s := besieged(t, echo, func(c *config) { c.clients = 100 })
	header := full("POST /v1/chat/completions HTTP/1.1\r\nX-Name: ", "a", "")
	got := peak(t, func() {
		s.clients(200, func(_ int, conn net.Conn) {
			_, _ = conn.Write(header)
			_ = status(conn)
		})
	})
	require.Less(t, got, 30)
	s.serves()
}

// A connection that does nothing is closed in time, and the next client has its place.
func TestConnectionsThatDoNothing(t *testing.T) {
	s := besieged(t, echo, func(c *config) { c.clients = 20 })
	begun := time.Now()
	s.clients(60, func(_ int, conn net.Conn) {
		assert.LessOrEqual(t, s.connections.Snapshot().Depth, 20)
		_, err := conn.Read(make([]byte, 1))
		assert.Error(t, err, "the gateway closes it")
	})
	require.Less(t, time.Since(begun), 5*time.Second)
	s.serves()
}

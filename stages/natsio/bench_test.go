//go:build unix

package natsio_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/natsio"
	"github.com/weir-go/weir/stages/sink"
)

// The server has a process of its own, so the processor time is the client's. Each pair does the
// same work, once by hand with the client and once by a flow:
//
//	go test -run '^$' -bench . -benchtime 100000x -count 5
const inFlight = 2000

// cpu returns the processor time of the process so far.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

var benches atomic.Int64

// measure fills a work queue with b.N messages, and has work empty it. work returns when it has
// settled n messages.
func measure(b *testing.B, work func(b *testing.B, js jetstream.JetStream, c jetstream.Consumer, n int)) {
	nc, js, err := connect(shared.start(b))
	require.NoError(b, err)
	defer nc.Close()
	name := fmt.Sprintf("BENCH%d", benches.Add(1))
	ctx := context.Background()
	c := stream(b, js, name, jetstream.ConsumerConfig{MaxAckPending: 10 * inFlight})
	defer func() { _ = js.DeleteStream(ctx, name) }()
	out, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: "OUT" + name, Subjects: []string{"out." + name}})
	require.NoError(b, err)
	defer func() { _ = js.DeleteStream(ctx, out.CachedInfo().Config.Name) }()
	body := make([]byte, 200)
	for range b.N {
		_, err := js.PublishAsync(name+".a", body, jetstream.WithStallWait(time.Minute))
		require.NoError(b, err)
	}
	<-js.PublishAsyncComplete()
	runtime.GC()
	b.ReportAllocs()
	b.ResetTimer()
	before := cpu()
	work(b, js, c, b.N)
	b.ReportMetric(float64(cpu()-before)/float64(b.N), "cpu-ns/msg")
	b.StopTimer()
	require.NoError(b, nc.Flush())
	require.Eventually(b, func() bool {
		s, err := js.Stream(ctx, name)
		return err == nil && s.CachedInfo().State.Msgs == 0
	}, time.Minute, 20*time.Millisecond)
}

func BenchmarkConsumeByHand(b *testing.B) {
	measure(b, func(b *testing.B, _ jetstream.JetStream, c jetstream.Consumer, n int) {
		done, left := make(chan struct{}), int64(n)
		cc, err := c.Consume(func(m jetstream.Msg) {
			if meta, err := m.Metadata(); err != nil || meta.NumDelivered == 0 {
				b.Error(err)
			}
			_ = m.Ack()
			if left--; left == 0 {
				close(done)
			}
		}, jetstream.PullMaxMessages(inFlight))
		require.NoError(b, err)
		<-done
		cc.Stop()
	})
}

func BenchmarkConsumeByFlow(b *testing.B) {
	measure(b, func(b *testing.B, js jetstream.JetStream, c jetstream.Consumer, n int) {
		done, left := make(chan struct{}), int64(n)
		_, err := flow.From(natsio.Source(js, c, natsio.InFlight(inFlight))).
			To(sink.ForEach(func(context.Context, jetstream.Msg) error {
				if left--; left == 0 {
					close(done)
				}
				return nil
			})).Run(b.Context(), flow.StopWhen(done))
		require.NoError(b, err)
	})
}

// workOn is what a worker does.
func workOn(m jetstream.Msg, to string) *nats.Msg {
	time.Sleep(time.Millisecond)
	return &nats.Msg{Subject: to, Data: m.Data()}
}

func target(c jetstream.Consumer) string { return "out." + c.CachedInfo().Stream }

// By hand: 32 workers, confirmations awaited beside them, an acknowledgement after each.
func BenchmarkWorkAndPublishByHand(b *testing.B) {
	measure(b, func(b *testing.B, js jetstream.JetStream, c jetstream.Consumer, n int) {
		type published struct {
			m jetstream.Msg
			f jetstream.PubAckFuture
		}
		in, out := make(chan jetstream.Msg, 256), make(chan published, 1000)
		to := target(c)
		var working, settling sync.WaitGroup
		for range 32 {
			working.Go(func() {
				for m := range in {
					f, err := js.PublishMsgAsync(workOn(m, to))
					if err != nil {
						_ = m.Nak()
						continue
					}
					out <- published{m, f}
				}
			})
		}
		done := make(chan struct{})
		settling.Go(func() {
			for left := n; left > 0; left-- {
				p := <-out
				select {
				case <-p.f.Ok():
					_ = p.m.Ack()
				case <-p.f.Err():
					_ = p.m.Nak()
				}
			}
			close(done)
		})
		cc, err := c.Consume(func(m jetstream.Msg) { in <- m }, jetstream.PullMaxMessages(inFlight))
		require.NoError(b, err)
		<-done
		cc.Stop()
		<-cc.Closed()
		close(in)
		working.Wait()
		settling.Wait()
	})
}

func BenchmarkWorkAndPublishByFlow(b *testing.B) {
	measure(b, func(b *testing.B, js jetstream.JetStream, c jetstream.Consumer, n int) {
		to, done := target(c), make(chan struct{})
		var begun atomic.Int64
		_, err := flow.From(natsio.Source(js, c, natsio.InFlight(inFlight))).
			Map("work", func(_ context.Context, m jetstream.Msg) (*nats.Msg, error) {
				if begun.Add(1) == int64(n) {
					close(done) // the drain waits for what is left
				}
				return workOn(m, to), nil
			}, stages.Workers(32), stages.Unordered()).
			To(natsio.Sink(js)).Run(b.Context(), flow.StopWhen(done))
		require.NoError(b, err)
	})
}

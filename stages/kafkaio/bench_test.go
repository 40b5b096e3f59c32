//go:build unix

package kafkaio_test

import (
	"bufio"
	"context"
	"fmt"
	"hash/maphash"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/kafkaio"
	"github.com/weir-go/weir/stages/sink"
	"github.com/weir-go/weir/stages/source"
)

// The broker has a process of its own, so the processor time is the client's. Each pair does the
// same work, once by hand with the client and once by a flow:
//
//	go test -run '^$' -bench . -benchtime 100000x -count 5

// broker starts a broker and returns its address.
func broker(b *testing.B) string {
	self, err := os.Executable()
	require.NoError(b, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), brokerVariable+"=1")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	require.NoError(b, err)
	out, err := cmd.StdoutPipe()
	require.NoError(b, err)
	require.NoError(b, cmd.Start())
	b.Cleanup(func() { _ = in.Close(); _ = cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(b, err)
	return strings.TrimSpace(line)
}

// cpu returns the processor time of the process so far.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// measure fills a topic with b.N records of 200 bytes and 200 keys, and has work read and commit them.
func measure(b *testing.B, work func(seeds kgo.Opt, n int)) {
	seeds := kgo.SeedBrokers(broker(b))
	client, err := kgo.NewClient(seeds, kgo.DefaultProduceTopic("orders"))
	require.NoError(b, err)
	body := make([]byte, 200)
	for i := range b.N {
		client.Produce(b.Context(), &kgo.Record{Key: fmt.Append(nil, i%200), Value: body}, nil)
	}
	require.NoError(b, client.Flush(b.Context()))
	client.Close()
	runtime.GC()
	b.ReportAllocs()
	b.ResetTimer()
	before := cpu()
	work(seeds, b.N)
	b.ReportMetric(float64(cpu()-before)/float64(b.N), "cpu-ns/msg")
}

func options(seeds kgo.Opt) []kgo.Opt {
	return []kgo.Opt{seeds, kgo.ConsumerGroup("bench"), kgo.ConsumeTopics("orders"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart())}
}

// byHand polls, has handle do the records of a poll, and lets the client commit what was marked.
func byHand(b *testing.B, seeds kgo.Opt, n int, handle func([]*kgo.Record)) {
	client, err := kgo.NewClient(append(options(seeds), kgo.AutoCommitMarks(), kgo.AutoCommitInterval(time.Second), kgo.BlockRebalanceOnPoll())...)
	require.NoError(b, err)
	for n > 0 {
		fetches := client.PollRecords(b.Context(), kafkaio.DefaultPoll)
		require.NoError(b, fetches.Err())
		records := fetches.Records()
		handle(records)
		client.MarkCommitRecords(records...)
		client.AllowRebalance()
		n -= len(records)
	}
	require.NoError(b, client.CommitMarkedOffsets(b.Context()))
	client.CloseAllowingRebalance()
}

func BenchmarkConsumeByHand(b *testing.B) {
	measure(b, func(seeds kgo.Opt, n int) {
		sum := 0
		byHand(b, seeds, n, func(all []*kgo.Record) {
			for _, r := range all {
				sum += len(r.Value)
			}
		})
	})
}

func BenchmarkConsumeByFlow(b *testing.B) {
	measure(b, func(seeds kgo.Opt, n int) {
		sum, left, done := 0, n, make(chan struct{})
		_, err := flow.From(&kafkaio.Group{Options: options(seeds)}).
			To(sink.ForEach(func(_ context.Context, r *kgo.Record) error {
				sum += len(r.Value)
				if left--; left == 0 {
					close(done)
				}
				return nil
			})).Run(b.Context(), flow.StopWhen(done))
		require.NoError(b, err)
	})
}

const benchWorkers = 64

var seed = maphash.MakeSeed()

// call is what a worker does.
func call() { time.Sleep(time.Millisecond) }

func BenchmarkWorkByHand(b *testing.B) {
	measure(b, func(seeds kgo.Opt, n int) {
		byHand(b, seeds, n, func(all []*kgo.Record) { // the keys of a poll at the same time, each in order
			lanes := make([][]*kgo.Record, benchWorkers)
			for _, r := range all {
				i := maphash.Bytes(seed, r.Key) % benchWorkers
				lanes[i] = append(lanes[i], r)
			}
			var working sync.WaitGroup
			for _, lane := range lanes {
				working.Go(func() {
					for range lane {
						call()
					}
				})
			}
			working.Wait()
		})
	})
}

func BenchmarkWorkByFlow(b *testing.B) {
	measure(b, func(seeds kgo.Opt, n int) {
		var left atomic.Int64
		left.Store(int64(n))
		done := make(chan struct{})
		_, err := flow.From(&kafkaio.Group{Options: options(seeds)}).
			Lanes("work", byKey, func(context.Context, *kgo.Record) (struct{}, error) {
				call()
				if left.Add(-1) == 0 {
					close(done)
				}
				return struct{}{}, nil
			}, stages.Workers(benchWorkers)).
			To(sink.ForEach(func(context.Context, struct{}) error { return nil })).Run(b.Context(), flow.StopWhen(done))
		require.NoError(b, err)
	})
}

// publishes has work publish b.N records of 200 bytes and 200 keys.
func publishes(b *testing.B, work func(client *kgo.Client, record func(i int) *kgo.Record, n int)) {
	client, err := kgo.NewClient(kgo.SeedBrokers(broker(b)), kgo.DefaultProduceTopic("orders"))
	require.NoError(b, err)
	defer client.Close()
	keys, body := make([][]byte, 200), make([]byte, 200)
	for i := range keys {
		keys[i] = fmt.Append(nil, i)
	}
	b.ReportAllocs()
	b.ResetTimer()
	before := cpu()
	work(client, func(i int) *kgo.Record { return &kgo.Record{Key: keys[i%200], Value: body} }, b.N)
	b.ReportMetric(float64(cpu()-before)/float64(b.N), "cpu-ns/msg")
}

// The loop publishes without waiting, at most as many as a sink, and counts what is confirmed.
func BenchmarkPublishByHand(b *testing.B) {
	publishes(b, func(client *kgo.Client, record func(int) *kgo.Record, n int) {
		var confirmed atomic.Int64
		room := make(chan struct{}, kafkaio.DefaultInFlight)
		for i := range n {
			room <- struct{}{}
			client.Produce(b.Context(), record(i), func(_ *kgo.Record, err error) {
				if err == nil {
					confirmed.Add(1)
				}
				<-room
			})
		}
		require.NoError(b, client.Flush(b.Context()))
		require.EqualValues(b, n, confirmed.Load())
	})
}

func BenchmarkPublishByFlow(b *testing.B) {
	publishes(b, func(client *kgo.Client, record func(int) *kgo.Record, n int) {
		records := source.Seq(func(yield func(*kgo.Record) bool) {
			for i := 0; i < n && yield(record(i)); i++ {
			}
		})
		report, err := flow.From(records).To(kafkaio.Sink(client)).Run(b.Context())
		require.NoError(b, err)
		require.EqualValues(b, n, report.Ledger.Out)
	})
}

package redisio_test

import (
	"context"
	"crypto/sha256"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages/redisio"
	"github.com/weir-go/weir/stages/sink"
)

// BenchmarkStream reads entries, works on them and acknowledges them, 100 at a time: once by a flow,
// once by the loop that one writes by hand with go-redis. The loop has no renewal, no drain, no hand
// back and no care for dead members. cpu-ns/op is the processor time of this process, without the
// server's.
//
//	go test -run '^$' -bench Stream -benchtime 50000x -count 5
func BenchmarkStream(b *testing.B) {
	for _, work := range []struct {
		name string
		f    func(string)
	}{
		{"no-op", func(string) {}},
		{"20us", func(s string) {
			p := []byte(s)
			for range 60 {
				sum := sha256.Sum256(p)
				p = sum[:]
			}
		}},
	} {
		b.Run("hand/"+work.name, func(b *testing.B) {
			c := filled(b)
			measure(b, func() { byHand(b, c, work.f) })
		})
		b.Run("weir/"+work.name, func(b *testing.B) {
			c := filled(b)
			measure(b, func() { byFlow(b, c, work.f) })
			require.Zero(b, open(b, c, b.Name()))
		})
	}
}

func filled(b *testing.B) *redis.Client {
	c := connect(b)
	require.NoError(b, c.FlushAll(b.Context()).Err())
	for at := 0; at < b.N; at += 10_000 {
		put(b, c, b.Name(), min(10_000, b.N-at))
	}
	require.NoError(b, c.XGroupCreate(b.Context(), b.Name(), "g", "0").Err())
	return c
}

// measure reports the processor time of f for each message.
func measure(b *testing.B, f func()) {
	b.ReportAllocs()
	before := cpu()
	b.ResetTimer()
	f()
	b.StopTimer()
	b.ReportMetric(float64(cpu()-before)/float64(b.N), "cpu-ns/op")
}

func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func byFlow(b *testing.B, c *redis.Client, work func(string)) {
	done, full := 0, make(chan struct{})
	run, err := flow.From(redisio.NewStream(c, b.Name(), "g").Source()).To(sink.ForEach(func(_ context.Context, m redis.XMessage) error {
		work(m.Values["n"].(string))
		if done++; done == b.N {
			close(full)
		}
		return nil
	})).Start(context.Background())
	require.NoError(b, err)
	<-full
	run.Stop()
	_, err = run.Wait()
	require.NoError(b, err)
}

func byHand(b *testing.B, c *redis.Client, work func(string)) {
	ctx := context.Background()
	for done := 0; done < b.N; {
		streams, err := c.XReadGroup(ctx, &redis.XReadGroupArgs{Group: "g", Consumer: "me", Streams: []string{b.Name(), ">"}, Count: 100, Block: time.Second}).Result()
		require.NoError(b, err)
		messages := streams[0].Messages
		ids := make([]string, len(messages))
		for i, m := range messages {
			work(m.Values["n"].(string))
			ids[i] = m.ID
		}
		require.NoError(b, c.XAck(ctx, b.Name(), "g", ids...).Err())
		done += len(messages)
	}
}

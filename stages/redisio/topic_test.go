package redisio_test

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/flow/flowtest/queuetest"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/redisio"
	"github.com/weir-go/weir/stages/sink"
	"github.com/weir-go/weir/stages/topic"
)

// Items pass a topic, and what cannot be decoded is a dead letter. When the source brings all again,
// nothing passes twice.
func TestATopicIsADurableEdge(t *testing.T) {
	c := connect(t)
	above := redisio.NewStream(c, t.Name(), "g")
	edge := redisio.NewStream(c, t.Name()+" edge", "g", redisio.Delete())
	put(t, c, t.Name(), 100)
	require.NoError(t, c.XAdd(t.Context(), &redis.XAddArgs{Stream: t.Name() + " edge", Values: []any{"body", "{"}}).Err())
	seen, total := map[int]int{}, 0
	for range 2 {
		full := make(chan struct{})
		run, err := flow.From(above.Source()).
			Map("parse", func(_ context.Context, m redis.XMessage) (int, error) { return strconv.Atoi(m.Values["n"].(string)) }).
			Through("edge", redisio.Topic(edge, topic.Config[int]{})).
			To(sink.ForEach(func(_ context.Context, n int) error {
				if seen[n]++; len(seen) == 100 && total == 0 {
					total = 100
					close(full)
				}
				return nil
			})).Start(context.Background())
		require.NoError(t, err)
		select {
		case <-full:
		case <-time.After(2 * time.Second): // the second time nothing comes
			require.Equal(t, 100, total)
		}
		require.Eventually(t, func() bool { return open(t, c, t.Name()) == 0 }, 10*time.Second, 10*time.Millisecond)
		stop(t, run)
		require.NoError(t, c.XGroupSetID(t.Context(), t.Name(), "g", "0").Err())
	}
	for n, times := range seen {
		require.Equal(t, 1, times, "item %d", n)
	}
	require.Zero(t, c.XLen(t.Context(), t.Name()+" edge").Val())
	letters, err := edge.Letters(t.Context(), "", 10)
	require.NoError(t, err)
	require.Len(t, letters, 1)
	require.Contains(t, letters[0].Reason, "decode")
}

// The fault: the ID of a message was noted before its entry was added. A message that the server
// refused was taken for a repeat when it came again, and was lost.
func TestAMessageThatWasRefusedIsNoRepeat(t *testing.T) {
	c := connect(t)
	key := t.Name() + " edge"
	put(t, c, t.Name(), 10)
	require.NoError(t, c.Set(t.Context(), key, "no stream", 0).Err())
	graph := flow.From(redisio.NewStream(c, t.Name(), "g").Source()).
		Map("parse", func(_ context.Context, m redis.XMessage) (int, error) { return strconv.Atoi(m.Values["n"].(string)) }).
		Through("edge", redisio.Topic(redisio.NewStream(c, key, "g"), topic.Config[int]{})).
		To(sink.ForEach(func(context.Context, int) error { return nil }))
	above := flow.Only(graph.Parts()[0].Name)
	_, err := graph.Run(t.Context(), above)
	require.ErrorContains(t, err, "WRONGTYPE")
	require.NoError(t, c.Del(t.Context(), key).Err())
	run, err := graph.Start(t.Context(), above)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return open(t, c, t.Name()) == 0 }, 30*time.Second, 10*time.Millisecond)
	stop(t, run)
	all, err := c.XRange(t.Context(), key, "-", "+").Result()
	require.NoError(t, err)
	require.Len(t, all, 10)
	for i, m := range all {
		require.Equal(t, strconv.Itoa(i), m.Values["body"], "in order")
	}
}

// The faults: a script had the context of its first message. When that ended, the other messages
// failed and the run with them. When another one ended, its message was not given back.
func TestAMessageWhoseContextEndsGoesBackAlone(t *testing.T) {
	direct := connect(t)
	proxy := queuetest.NewProxy(t, shared.addr)
	c := redis.NewClient(&redis.Options{Addr: proxy.Addr()})
	defer c.Close()
	proxy.Cut()
	var contexts [4]context.Context
	var ends [4]context.CancelCauseFunc
	var acks [4]chan error
	for i := range contexts {
		contexts[i], ends[i] = context.WithCancelCause(t.Context())
		defer ends[i](nil)
		acks[i] = make(chan error, 1)
	}
	src := stages.SourceFunc[int](func(ctx context.Context, out *stages.Outlet[int]) error {
		for i := range contexts {
			out.Deliver(stages.Receipt{Context: contexts[i], Ack: func(err error) { acks[i] <- err }}, i)
		}
		<-ctx.Done()
		return nil
	})
	graph := flow.From(src).Through("edge", redisio.Topic(redisio.NewStream(c, t.Name(), "g"), topic.Config[int]{})).
		To(sink.ForEach(func(context.Context, int) error { return nil }))
	run, err := graph.Start(context.Background(), flow.Only(graph.Parts()[0].Name))
	require.NoError(t, err)
	t.Cleanup(func() { run.Abort(errors.New("the test is over")); _, _ = run.Wait() })
	for _, i := range []int{0, 2, 1} {
		ends[i](stages.ErrHandedBack)
		select {
		case err := <-acks[i]:
			require.ErrorIs(t, err, stages.ErrHandedBack)
		case <-time.After(10 * time.Second):
			require.Fail(t, "timeout")
		}
	}
	proxy.Heal()
	require.NoError(t, <-acks[3])
	stop(t, run)
	require.EqualValues(t, 1, direct.XLen(t.Context(), t.Name()).Val())
}

package pgio_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/pgio"
	"github.com/weir-go/weir/stages/sink"
	"github.com/weir-go/weir/stages/topic"
)

// An item passes a topic once, though its source brings it twice, and its timings come along. A
// row that cannot be decoded is a dead letter.
func TestATopicIsADurableEdge(t *testing.T) {
	pool := connect(t)
	above, edge := pgio.NewQueue(pool, t.Name()), pgio.NewQueue(pool, t.Name()+" edge")
	put(t, above, pool, 100)
	require.NoError(t, edge.Put(t.Context(), pool, pgio.Message{Payload: []byte("{")}))
	full, seen := make(chan struct{}), map[int]int{}
	run, err := flow.From(above.Source()).
		Map("parse", pgio.JSON[int]).
		Through("edge", pgio.Topic(edge, topic.Config[int]{Key: func(int) string { return "k" }})).
		To(sink.ForEach(func(_ context.Context, n int) error {
			if seen[n]++; len(seen) == 100 {
				close(full)
			}
			return nil
		})).Start(context.Background())
	require.NoError(t, err)
	select {
	case <-full:
	case <-time.After(20 * time.Second):
		require.Fail(t, "timeout")
	}
	stop(t, run)
	require.Zero(t, left(t, pool, above.Name())+left(t, pool, edge.Name()))
	letters, err := edge.Letters(t.Context(), 0, 10)
	require.NoError(t, err)
	require.Len(t, letters, 1)
	require.Equal(t, "{", string(letters[0].Payload))
	require.Contains(t, letters[0].Reason, "decode")
}

func TestAMessageWithAnIDIsPutOnce(t *testing.T) {
	pool := connect(t)
	q := pgio.NewQueue(pool, t.Name())
	for range 2 {
		require.NoError(t, q.Put(t.Context(), pool, pgio.Message{ID: "a"}, pgio.Message{ID: "b"}, pgio.Message{ID: "a"}, pgio.Message{}))
	}
	require.Equal(t, 4, left(t, pool, t.Name()))
	require.NoError(t, pgio.NewQueue(pool, t.Name()+"2").Put(t.Context(), pool, pgio.Message{ID: "a"}))
	require.Equal(t, 1, left(t, pool, t.Name()+"2"), "ids are of a queue")

	_, err := pool.Exec(t.Context(), "update weir_ids set at = at - interval '2 hours' where queue = $1", t.Name())
	require.NoError(t, err)
	c := collect(4)
	run := start(t, q, func(s *flow.Stream[pgio.Row]) *flow.Graph { return s.To(each(c.take)) })
	c.wait(t)
	stop(t, run)
	require.NoError(t, q.Put(t.Context(), pool, pgio.Message{ID: "a"}))
	require.Equal(t, 1, left(t, pool, t.Name()), "an old id is forgotten")
}

// The faults: a statement had the context of its first message. When that ended, the other messages
// failed and the run with them. When another one ended, its message was not given back.
func TestAMessageWhoseContextEndsGoesBackAlone(t *testing.T) {
	pool := connect(t)
	edge := pgio.NewQueue(pool, t.Name())
	tx, err := pool.Begin(t.Context())
	require.NoError(t, err)
	defer tx.Rollback(context.Background())
	_, err = tx.Exec(t.Context(), "lock table weir_queue in access exclusive mode")
	require.NoError(t, err)
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
	graph := flow.From(src).Through("edge", pgio.Topic(edge, topic.Config[int]{})).
		To(sink.ForEach(func(context.Context, int) error { return nil }))
	run, err := graph.Start(context.Background(), flow.Only(graph.Parts()[0].Name))
	require.NoError(t, err)
	t.Cleanup(func() { run.Abort(errors.New("the test is over")); _, _ = run.Wait() })
	for _, i := range []int{0, 2, 1} {
		require.Eventually(t, func() bool {
			var blocked int
			require.NoError(t, pool.QueryRow(t.Context(), "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query like '%weir_queue%'").Scan(&blocked))
			return blocked > 0
		}, 10*time.Second, 10*time.Millisecond)
		ends[i](stages.ErrHandedBack)
		select {
		case err := <-acks[i]:
			require.ErrorIs(t, err, stages.ErrHandedBack)
		case <-time.After(10 * time.Second):
			require.Fail(t, "timeout")
		}
	}
	require.NoError(t, tx.Rollback(t.Context()))
	require.NoError(t, <-acks[3])
	stop(t, run)
	require.Equal(t, 1, left(t, pool, t.Name()))
}

// The fault: an ID that was old was forgotten only while a worker ran.
func TestAnOldIDIsForgottenWithoutAWorker(t *testing.T) {
	pool := connect(t)
	q := pgio.NewQueue(pool, t.Name())
	for range 2 {
		require.NoError(t, q.Put(t.Context(), pool, pgio.Message{ID: "a"}))
	}
	_, err := pool.Exec(t.Context(), "update weir_ids set at = at - interval '2 hours' where queue = $1", t.Name())
	require.NoError(t, err)
	for range 2 {
		require.NoError(t, q.Put(t.Context(), pool, pgio.Message{ID: "a"}, pgio.Message{ID: "a"}))
	}
	require.Equal(t, 2, left(t, pool, t.Name()))
}

// A message that the server refuses fails alone. The fault: the sink tried it forever.
func TestATopicRefusesAMessageThatCannotBePut(t *testing.T) {
	pool := connect(t)
	for name, key := range map[string]string{"zero": "a\x00", "no UTF-8": "\xff"} {
		t.Run(name, func(t *testing.T) {
			above, edge := pgio.NewQueue(pool, t.Name()), pgio.NewQueue(pool, t.Name()+" edge")
			put(t, above, pool, 3)
			ctx, cancel := context.WithTimeoutCause(t.Context(), 20*time.Second, errors.New("the run goes on"))
			defer cancel()
			graph := flow.From(above.Source()).Map("parse", pgio.JSON[int]).
				Through("edge", pgio.Topic(edge, topic.Config[int]{Key: func(n int) string {
					if n == 1 {
						return key
					}
					return "k"
				}})).
				To(sink.ForEach(func(context.Context, int) error { return nil }))
			_, err := graph.Run(ctx, flow.Only(graph.Parts()[0].Name))
			require.ErrorContains(t, err, "invalid byte sequence")
			require.Equal(t, 2, left(t, pool, edge.Name()))
			require.Equal(t, 1, left(t, pool, above.Name()))
		})
	}
}

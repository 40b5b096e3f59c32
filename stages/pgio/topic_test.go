package pgio_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
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

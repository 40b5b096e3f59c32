package flow_test

import (
	"context"
	"iter"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/sink"
	"github.com/weir-go/weir/stages/source"
	"github.com/weir-go/weir/stages/topic"
)

// publish runs the part above a topic, and stops before its source hears of anything.
func publish(t *testing.T, b *broker, s *flow.Stream[int], config topic.Config[int]) {
	t.Helper()
	_, err := s.Through("paid", durable[int]{b: b, config: config}).
		To(sink.ForEach(func(context.Context, int) error { return nil })).Run(t.Context(), flow.Only("orders"))
	require.NoError(t, err)
}

// The item of a receipt is the same message, whatever a function makes of it this time.
func TestAnItemThatComesOutDifferentlyKeepsItsID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker()
		for attempt := range 2 {
			var acked []int
			publish(t, b, flow.From(ids([]int{1, 2, 3}, &acked), stages.Name("orders")).
				Map("work", func(_ context.Context, v int) (int, error) { return 10*attempt + v, nil }), topic.Config[int]{})
		}
		require.Len(t, b.waiting, 3)
		require.Equal(t, 3, b.dropped)
	})
}

// A function makes other items of the same receipt at the second attempt. Items that are new are
// published.
func TestADerivedItemThatDiffersIsNotSuppressed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker()
		for attempt := range 2 {
			var acked []int
			publish(t, b, flow.From(ids([]int{1, 2, 3}, &acked), stages.Name("orders")).
				FlatMap("two", func(_ context.Context, v int) (iter.Seq[int], error) {
					return slices.Values([]int{7 + attempt, 8 + attempt}), nil
				}), topic.Config[int]{})
		}
		require.Len(t, b.waiting, 9, "7 and 8 at the first attempt, and 9 at the second")
		require.Equal(t, 3, b.dropped, "8 at the second")
	})
}

type traceKey struct{}

// traces carries a trace across topics.
type traces struct{}

func (traces) Inject(ctx context.Context, h map[string]string) {
	if s, ok := ctx.Value(traceKey{}).(string); ok {
		h["Trace"] = s
	}
}

func (traces) Extract(ctx context.Context, h map[string]string) context.Context {
	return context.WithValue(ctx, traceKey{}, h["Trace"])
}

func TestATopicCarriesTheContextOfAnItem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, traced := newBroker(), topic.Config[int]{Propagator: traces{}}
		orders := stages.SourceFunc[int](func(ctx context.Context, out *stages.Outlet[int]) error {
			out.Deliver(stages.Receipt{Context: context.WithValue(ctx, traceKey{}, "t-1")}, 1)
			return nil
		})
		publish(t, b, flow.From(orders, stages.Name("orders")), traced)
		got := ""
		run, err := flow.From(source.Slice[int](nil), stages.Name("orders")).Through("paid", durable[int]{b: b, config: traced}).
			To(sink.ForEach(func(ctx context.Context, _ int) error {
				got, _ = ctx.Value(traceKey{}).(string)
				return nil
			})).Start(t.Context(), flow.Only("paid"))
		require.NoError(t, err)
		time.Sleep(time.Second)
		run.Stop()
		_, err = run.Wait()
		require.NoError(t, err)
		require.Equal(t, "t-1", got)
	})
}

// An item is as old as all parts that it has passed.
func TestTheAgeOfAnItemCountsFromItsFirstPart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, slow := newBroker(), func(_ context.Context, v int) (int, error) { time.Sleep(3 * time.Second); return v, nil }
		publish(t, b, flow.From(source.Slice([]int{1}), stages.Name("orders")).Map("slow", slow), topic.Config[int]{})
		require.Equal(t, int64(3*time.Second), age(t, b))
		next := newBroker()
		run, err := flow.From(source.Slice[int](nil), stages.Name("orders")).Through("paid", durable[int]{b: b}).Map("slow again", slow).
			Through("sent", durable[int]{b: next}).To(sink.ForEach(func(context.Context, int) error { return nil })).
			Start(t.Context(), flow.Only("paid"))
		require.NoError(t, err)
		time.Sleep(10 * time.Second)
		run.Stop()
		_, err = run.Wait()
		require.NoError(t, err)
		require.GreaterOrEqual(t, age(t, next), int64(6*time.Second))
	})
}

// age returns the age in the header of the only message.
func age(t *testing.T, b *broker) int64 {
	t.Helper()
	require.Len(t, b.waiting, 1)
	n, err := strconv.ParseInt(b.waiting[0].Header[topic.HeaderAge], 10, 64)
	require.NoError(t, err)
	return n
}

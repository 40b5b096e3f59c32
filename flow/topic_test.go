package flow_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/operator"
	"github.com/weir-go/weir/stages/sink"
	"github.com/weir-go/weir/stages/source"
	"github.com/weir-go/weir/stages/topic"
)

// broker keeps messages until they are acknowledged, and drops those whose ID it knows.
type broker struct {
	mu      sync.Mutex
	waiting []topic.Message
	counts  map[string]int
	known   map[string]bool
	dropped int
	wake    chan struct{}
	sick    error // of each publish
}

func newBroker() *broker {
	return &broker{counts: map[string]int{}, known: map[string]bool{}, wake: make(chan struct{}, 1)}
}

func (b *broker) publish(_ context.Context, m topic.Message, done func(error)) {
	go func() { // as the confirmation of a broker comes
		time.Sleep(time.Millisecond)
		b.mu.Lock()
		err := b.sick
		switch {
		case err != nil:
		case m.ID != "" && b.known[m.ID]:
			b.dropped++
		default:
			b.known[m.ID] = true
			b.waiting = append(b.waiting, m)
		}
		b.mu.Unlock()
		b.signal()
		done(err)
	}()
}

func (b *broker) signal() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// durable is a topic of a broker.
type durable[T any] struct {
	b      *broker
	config topic.Config[T]
	like   string
}

func (d durable[T]) Partitioning() string { return d.like }

func (d durable[T]) Sink() stages.Sink[T] { return topic.SinkOf("paid", d.config, 16, d.b.publish) }

func (d durable[T]) Source() stages.Source[T] {
	return stages.SourceFunc[T](func(ctx context.Context, out *stages.Outlet[T]) error {
		for n := 0; ctx.Err() == nil; n++ {
			d.b.mu.Lock()
			var m topic.Message
			ok := len(d.b.waiting) > 0
			if ok {
				m, d.b.waiting = d.b.waiting[0], d.b.waiting[1:]
			}
			d.b.mu.Unlock()
			if !ok {
				select {
				case <-d.b.wake:
					continue
				case <-ctx.Done():
					return nil
				}
			}
			v, r, err := d.config.Open("paid", m, stages.Receipt{ID: fmt.Sprint("broker/", n), Ack: func(err error) {
				if err != nil {
					d.b.mu.Lock()
					d.b.waiting = append(d.b.waiting, m)
					d.b.mu.Unlock()
					d.b.signal()
				}
			}})
			if err != nil {
				return err
			}
			out.Deliver(r, v)
		}
		return nil
	})
}

// ids is a source that gives each value an ID, and says which are acknowledged.
func ids(values []int, acked *[]int) stages.SourceFunc[int] {
	var mu sync.Mutex
	return func(ctx context.Context, out *stages.Outlet[int]) error {
		for _, v := range values {
			out.Deliver(stages.Receipt{ID: fmt.Sprint("log/", v), Ack: func(err error) {
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					*acked = append(*acked, v)
				}
			}}, v)
		}
		return nil
	}
}

func TestALocalTopicIsAnEdge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var acked []int
		var got []int
		s := flow.From(ids([]int{1, 2, 3, 4}, &acked)).
			Map("above", func(_ context.Context, v int) (int, error) { time.Sleep(time.Second); return v, nil }).
			Through("paid", topic.Local[int]()).
			Map("below", func(_ context.Context, v int) (int, error) { time.Sleep(2 * time.Second); return v, nil })
		for r := range s.Results(t.Context()) {
			require.NoError(t, r.Err)
			got = append(got, r.Value)
			var stages []string
			for tm := range r.Timings.All() {
				stages = append(stages, tm.Stage)
			}
			require.Equal(t, []string{"above", "paid", "below"}, stages)
			above, _ := r.Timings.Stage("above")
			require.Equal(t, time.Second, above.Work)
			require.GreaterOrEqual(t, r.Timings.Total(), 3*time.Second)
		}
		require.Equal(t, []int{1, 2, 3, 4}, got)
		require.Equal(t, []int{1, 2, 3, 4}, acked)
	})
}

func TestALocalTopicAcknowledgesAboveWhenAllIsDoneBelow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var acked []int
		release := make(chan struct{})
		run, err := flow.From(ids([]int{1, 2}, &acked)).Through("paid", topic.Local[int]()).
			To(sink.ForEach(func(ctx context.Context, v int) error {
				<-release
				return nil
			})).Start(t.Context())
		require.NoError(t, err)
		time.Sleep(time.Hour)
		require.Empty(t, acked)
		close(release)
		report, err := run.Wait()
		require.NoError(t, err)
		require.NoError(t, report.Check())
		require.Equal(t, []int{1, 2}, acked)
	})
}

func TestALocalTopicDeliversAgainWhatIsHandedBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, f := newQueue(1, 2, 3), &third{}
		report, err := flow.From(source.Acked(q.read)).Through("paid", topic.Local[int]()).
			Map("call", f.call).HandBack(time.Second, stages.MaxDeliveries(3)).
			To(sink.ForEach(func(context.Context, int) error { return nil })).Run(t.Context())
		require.NoError(t, err)
		require.NoError(t, report.Check())
		slices.Sort(q.acked)
		require.Equal(t, []int{1, 2, 3}, q.acked)
		require.Empty(t, q.delays, "the source above hears nothing of it")
	})
}

func TestALocalTopicGivesBackToTheSourceAboveInADrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(1, 2)
		run, err := flow.From(source.Acked(q.read)).Through("paid", topic.Local[int]()).
			Map("call", func(context.Context, int) (int, error) { return 0, stages.HandBack(time.Minute) }).
			To(sink.ForEach(func(context.Context, int) error { return nil })).Start(t.Context())
		require.NoError(t, err)
		time.Sleep(time.Second)
		run.Stop()
		began := time.Now()
		report, err := run.Wait()
		require.NoError(t, err)
		require.NoError(t, report.Check())
		require.Zero(t, time.Since(began), "nothing waits for its time")
		synctest.Wait()
		time.Sleep(time.Hour)
		require.Len(t, q.delays, 2)
		require.Empty(t, q.acked)
	})
}

func TestALocalTopicStopsWhatNobodyWants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		endless := stages.SourceFunc[int](func(ctx context.Context, out *stages.Outlet[int]) error {
			for i := 0; ctx.Err() == nil; i++ {
				out.Emit(i)
				time.Sleep(time.Millisecond)
			}
			return nil
		})
		got, err := flow.From(endless).Through("paid", topic.Local[int]()).Take(3).Collect(t.Context())
		require.NoError(t, err)
		require.Equal(t, []int{0, 1, 2}, got)
	})
}

func TestALocalTopicOverAReduceEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var acked []int
		got, err := flow.From(ids([]int{1, 2, 3}, &acked)).Through("paid", topic.Local[int]()).
			Reduce("sum", 0, func(_ context.Context, sum, v int) (int, error) { return sum + v, nil }).Collect(t.Context())
		require.NoError(t, err)
		require.Equal(t, []int{6}, got)
		require.Equal(t, []int{1, 2, 3}, acked)
	})
}

func TestALocalTopicUnderAnAbort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		boom := errors.New("boom")
		var acked, heard atomic.Int64
		src := stages.SourceFunc[int](func(ctx context.Context, out *stages.Outlet[int]) error {
			for i := range 1000 {
				if !out.EmitAcked(func(err error) {
					heard.Add(1)
					if err == nil {
						acked.Add(1)
					}
				}, i) {
					return nil
				}
			}
			return nil
		})
		run, err := flow.From(src).Through("paid", topic.Local[int]()).
			To(sink.ForEach(func(ctx context.Context, v int) error {
				if v < 10 {
					return nil
				}
				<-ctx.Done()
				return ctx.Err()
			})).Start(t.Context())
		require.NoError(t, err)
		synctest.Wait()
		run.Abort(boom)
		report, err := run.Wait()
		require.ErrorIs(t, err, boom)
		require.NoError(t, report.Check())
		require.EqualValues(t, 10, acked.Load())
		require.Equal(t, report.Stages[0].Ledger.In, heard.Load())
	})
}

func TestALocalTopicCarriesDeadlinesAndContexts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := context.WithValue(t.Context(), key{}, "tenant")
		_, err := flow.From(one(ctx, func(error) {})).Deadline(10*time.Second).
			Map("above", func(_ context.Context, v int) (int, error) { time.Sleep(4 * time.Second); return v, nil }).
			Through("paid", topic.Local[int]()).
			To(sink.ForEach(func(ctx context.Context, _ int) error {
				by, ok := ctx.Deadline()
				require.True(t, ok)
				require.Equal(t, 6*time.Second, time.Until(by))
				require.Equal(t, "tenant", ctx.Value(key{}))
				return nil
			})).Run(t.Context())
		require.NoError(t, err)
	})
}

func TestAGraphWithALocalTopicRunsAgain(t *testing.T) {
	g := flow.From(source.Slice([]int{1, 2, 3})).Through("paid", topic.Local[int]())
	for range 3 {
		got, err := g.Collect(t.Context())
		require.NoError(t, err)
		require.Equal(t, []int{1, 2, 3}, got)
	}
}

func TestPartsRunInProcessesOfTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker()
		var acked []int
		build := func() *flow.Stream[int] {
			return flow.From(ids([]int{1, 2, 3}, &acked), stages.Name("orders")).
				Map("price", func(_ context.Context, v int) (int, error) { time.Sleep(time.Second); return 10 * v, nil }).
				Deadline(time.Hour).
				Through("paid", durable[int]{b: b}).
				Map("ship", func(_ context.Context, v int) (int, error) { time.Sleep(2 * time.Second); return v, nil })
		}
		require.Equal(t, []flow.Part{
			{Name: "orders", Stages: []string{"orders", "price", "deadline", "paid-publish"}},
			{Name: "paid", Stages: []string{"paid", "ship", "sink"}},
		}, build().To(sink.ForEach(func(context.Context, int) error { return nil })).Parts())

		discard := sink.ForEach(func(context.Context, int) error { return nil })
		report, err := build().To(discard).Run(t.Context(), flow.Only("orders"))
		require.NoError(t, err)
		require.NoError(t, report.Check())
		require.Equal(t, []int{1, 2, 3}, acked, "the broker has them")
		require.Len(t, report.Stages, 4)

		time.Sleep(time.Minute)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var got []int
		for r := range build().Results(ctx, flow.Only("paid")) {
			require.NoError(t, r.Err)
			got = append(got, r.Value)
			first, ok := r.Timings.Stage("price")
			require.True(t, ok, "the timings of the other process")
			require.Equal(t, time.Second, first.Work)
			in, _ := r.Timings.Stage("paid")
			require.GreaterOrEqual(t, in.Wait, time.Minute)
			require.Greater(t, r.Timings.Total(), time.Minute)
			if len(got) == 3 {
				break
			}
		}
		require.Equal(t, []int{10, 20, 30}, got)
	})
}

func TestTheEnvironmentSaysWhichPartsRun(t *testing.T) {
	b := newBroker()
	var acked []int
	g := flow.From(ids([]int{1, 2}, &acked), stages.Name("orders")).Through("paid", durable[int]{b: b}).
		To(sink.ForEach(func(context.Context, int) error { return errors.New("must not run") }))
	t.Setenv(flow.PartsVariable, " orders ,")
	_, err := g.Run(t.Context())
	require.NoError(t, err)
	require.Len(t, b.waiting, 2)
	t.Setenv(flow.PartsVariable, "order")
	_, err = g.Run(t.Context())
	require.ErrorContains(t, err, `there is no part "order", only orders, paid`)
	_, err = g.Run(t.Context(), flow.Only("orders"))
	require.NoError(t, err, "Only takes its place")
}

func TestPartsThatMakeNoSenseAreNotValid(t *testing.T) {
	nothing := sink.ForEach(func(context.Context, int) error { return nil })
	var acked []int
	orders := func() *flow.Stream[int] { return flow.From(ids([]int{1}, &acked)) }
	local := orders().Through("paid", topic.Local[int]()).To(nothing)
	_, err := local.Run(t.Context(), flow.Only("paid"))
	require.ErrorContains(t, err, `topic "paid" is in memory`)

	_, err = orders().Through("paid", durable[int]{b: newBroker()}).Collect(t.Context(), flow.Only("source"))
	require.ErrorContains(t, err, `stage "paid", which the results come from, is in a part that this process does not run`)

	require.ErrorContains(t, orders().Through("paid", nil).To(nothing).Validate(), `stage "paid": it is nil`)
	_, err = local.Run(t.Context(), flow.Only())
	require.ErrorContains(t, err, "there is no part to run")

	pair := func(a, b stages.Topic[int]) error {
		return orders().Through("a", a).Zip(orders().Through("b", b), func(x, y int) int { return x + y }).To(nothing).Validate()
	}
	durably := func(like string) stages.Topic[int] { return durable[int]{b: newBroker(), like: like} }
	require.ErrorContains(t, pair(durably("customer/16"), durably("customer/8")), "not partitioned alike")
	require.ErrorContains(t, pair(durably(""), durably("")), "not partitioned alike")
	require.ErrorContains(t, pair(durably("customer/16"), topic.Local[int]()), "not partitioned alike")
	require.NoError(t, pair(durably("customer/16"), durably("customer/16")))
	require.NoError(t, pair(topic.Local[int](), topic.Local[int]()))
}

func TestThePictureShowsPartsAndTopics(t *testing.T) {
	g := flow.From(source.Slice([]int{1})).Through("paid", topic.Local[int]()).To(sink.ForEach(func(context.Context, int) error { return nil }))
	require.Contains(t, g.Mermaid(), "\tsubgraph p1[\"paid\"]\n\t\tn2 & n3\n\tend\n")
	require.Contains(t, g.Mermaid(), "\tn1 --o|\"paid\"| n2\n")
	require.Contains(t, g.DOT(), "\tsubgraph cluster1 {\n\t\tlabel=\"paid\"\n")
	require.Contains(t, g.DOT(), "\tn1 -> n2 [label=\"paid\", style=dotted, arrowhead=empty]\n")
}

func TestAFailedPublishStopsTheRunAndSettlesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker()
		b.sick = errors.New("no quorum")
		var acked []int
		report, err := flow.From(ids([]int{1, 2}, &acked), stages.Name("orders")).Through("paid", durable[int]{b: b}).
			To(sink.ForEach(func(context.Context, int) error { return nil })).Run(t.Context(), flow.Only("orders"))
		require.ErrorContains(t, err, "no quorum")
		require.NoError(t, report.Check())
		require.Empty(t, acked)
	})
}

// A repeat has the IDs of the first attempt, in whatever order things happen, and equal items are
// told apart.
func TestMessagesKeepTheirIDs(t *testing.T) {
	double := func(context.Context, int) (iter.Seq[int], error) { return slices.Values([]int{7, 7, 8}), nil }
	for name, tt := range map[string]struct {
		ways func(s *flow.Stream[int]) *flow.Stream[int]
		want int
	}{
		"one by one": {func(s *flow.Stream[int]) *flow.Stream[int] { return s }, 3},
		"flat map":   {func(s *flow.Stream[int]) *flow.Stream[int] { return s.FlatMap("three", double) }, 9},
		"unordered": {func(s *flow.Stream[int]) *flow.Stream[int] {
			return s.FlatMap("three", double).Map("m", func(_ context.Context, v int) (int, error) { time.Sleep(time.Duration(v) * time.Second); return v, nil }, stages.Workers(4), stages.Unordered())
		}, 9},
		"sum": {func(s *flow.Stream[int]) *flow.Stream[int] {
			return s.Reduce("sum", 0, func(_ context.Context, sum, v int) (int, error) { return sum + v, nil })
		}, 1},
		"windows that overlap": {func(s *flow.Stream[int]) *flow.Stream[int] {
			at := func(int) time.Time { return time.Unix(1000, 0) }
			return s.Window(operator.Sliding(3*time.Second, time.Second), stages.EventTime(at, 0)).
				Map("len", func(_ context.Context, w operator.WindowOf[int]) (int, error) { return len(w.Items), nil })
		}, 3},
		"unique": {func(s *flow.Stream[int]) *flow.Stream[int] { return s.Unique(time.Hour, func(v int) int { return v }) }, 3},
		"batches": {func(s *flow.Stream[int]) *flow.Stream[int] {
			return s.Batch(2, 0).Map("len", func(_ context.Context, b []int) (int, error) { return len(b), nil })
		}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBroker()
				var acked []int
				for range 2 { // as if the process had died before the source heard of it
					_, err := tt.ways(flow.From(ids([]int{1, 2, 3}, &acked), stages.Name("orders"))).Through("paid", durable[int]{b: b}).
						To(sink.ForEach(func(context.Context, int) error { return nil })).Run(t.Context(), flow.Only("orders"))
					require.NoError(t, err)
				}
				require.Len(t, b.waiting, tt.want)
				require.Equal(t, tt.want, b.dropped)
			})
		})
	}
}

func TestWithoutIDsNothingIsSuppressed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker()
		for range 2 {
			_, err := flow.From(source.Slice([]int{1, 2}), stages.Name("orders")).Through("paid", durable[int]{b: b}).
				To(sink.ForEach(func(context.Context, int) error { return nil })).Run(t.Context(), flow.Only("orders"))
			require.NoError(t, err)
		}
		require.Len(t, b.waiting, 4)
	})
}

func ExampleStream_Through() {
	orders := flow.From(source.Slice([]string{"tea", "milk"}), stages.Name("orders")).
		Map("price", func(_ context.Context, s string) (string, error) { return s + " for 3", nil }).
		Through("paid", topic.Local[string]()). // or a topic of a broker, and the parts run in processes of their own
		Map("ship", func(_ context.Context, s string) (string, error) { return strings.ToUpper(s), nil })
	for r := range orders.Results(context.Background()) {
		fmt.Print(r.Value, ", passed")
		for tm := range r.Timings.All() {
			fmt.Print(" ", tm.Stage)
		}
		fmt.Println()
	}
	// Output:
	// TEA FOR 3, passed price paid ship
	// MILK FOR 3, passed price paid ship
}

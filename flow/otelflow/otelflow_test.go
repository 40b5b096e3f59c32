package otelflow_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/flow/otelflow"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/retry"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/sink"
	"github.com/weir-go/weir/stages/source"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errFlaky = errors.New("flaky")

func same(_ context.Context, v int) (int, error) { return v, nil }

func ignore[T any](context.Context, T) error { return nil }

// recorder returns a provider that samples as it is told, and the spans that have ended.
func recorder(s sdk.Sampler) (*sdk.TracerProvider, *tracetest.InMemoryExporter) {
	spans := tracetest.NewInMemoryExporter()
	return sdk.NewTracerProvider(sdk.WithSyncer(spans), sdk.WithSampler(s)), spans
}

// named returns the spans of a name.
func named(spans *tracetest.InMemoryExporter, name string) (all tracetest.SpanStubs) {
	for _, s := range spans.GetSpans() {
		if s.Name == name {
			all = append(all, s)
		}
	}
	return all
}

// Each item without a parent is a trace of its own: a span for its entry, and one for each stage,
// whose functions see it.
func TestAnItemIsATrace(t *testing.T) {
	provider, spans := recorder(sdk.AlwaysSample())
	seen := map[trace.TraceID]trace.SpanID{}
	_, err := flow.From(source.Slice([]int{1, 2, 3})).Map("one", same).
		Map("two", func(ctx context.Context, v int) (int, error) {
			span := trace.SpanContextFromContext(ctx)
			seen[span.TraceID()] = span.SpanID()
			return v, nil
		}).To(sink.ForEach(ignore[int]), stages.Name("store")).
		Run(t.Context(), otelflow.Traces(otelflow.Provider(provider), otelflow.Named("orders")))
	require.NoError(t, err)
	require.Len(t, spans.GetSpans(), 3*4)
	entries := map[trace.TraceID]trace.SpanID{}
	for _, s := range named(spans, "orders receive") {
		require.False(t, s.Parent.IsValid())
		require.Equal(t, trace.SpanKindConsumer, s.SpanKind)
		entries[s.SpanContext.TraceID()] = s.SpanContext.SpanID()
	}
	require.Len(t, entries, 3)
	for _, stage := range []string{"one", "two", "store"} {
		for _, s := range named(spans, stage) {
			require.Equal(t, entries[s.SpanContext.TraceID()], s.Parent.SpanID())
			require.Contains(t, s.Attributes, attribute.String("weir.stage", stage))
			require.Contains(t, s.Attributes, attribute.String("weir.flow", "orders"))
			require.Contains(t, s.Attributes, attribute.Int("weir.attempts", 1))
		}
	}
	for _, s := range named(spans, "two") {
		require.Equal(t, s.SpanContext.SpanID(), seen[s.SpanContext.TraceID()])
	}
}

// The context of a delivery, or of a caller, is the parent of the spans.
func TestTheContextOfACallerIsTheParent(t *testing.T) {
	for name, opts := range map[string][]flow.RunOption{"direct": nil, "by workers": {flow.ByWorkers()}} {
		t.Run(name, func(t *testing.T) {
			provider, spans := recorder(sdk.ParentBased(sdk.NeverSample()))
			s, err := flow.Serve(t.Context(), func(q *flow.Stream[int]) *flow.Stream[int] { return q.Map("call", same) },
				append(opts, otelflow.Traces(otelflow.Provider(provider)))...)
			require.NoError(t, err)
			parent := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: trace.FlagsSampled, Remote: true})
			require.NoError(t, s.Do(trace.ContextWithRemoteSpanContext(t.Context(), parent), 1).Err)
			require.NoError(t, s.Do(trace.ContextWithRemoteSpanContext(t.Context(), parent.WithTraceFlags(0)), 1).Err)
			require.NoError(t, s.Do(t.Context(), 1).Err)
			s.Stop()
			_, err = s.Wait()
			require.NoError(t, err)
			require.Len(t, spans.GetSpans(), 1, "of the call with a parent that is sampled")
			got := spans.GetSpans()[0]
			require.Equal(t, "call", got.Name)
			require.Equal(t, trace.TraceID{1}, got.SpanContext.TraceID())
			require.Equal(t, trace.SpanID{2}, got.Parent.SpanID())
		})
	}
}

// A queue that hands its messages' contexts on has its spans continued.
func TestTheContextOfADeliveryIsTheParent(t *testing.T) {
	provider, spans := recorder(sdk.ParentBased(sdk.NeverSample()))
	parent := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: trace.FlagsSampled, Remote: true})
	read := false
	_, err := flow.From(source.Acked(func(context.Context) ([]source.Delivery[int], error) {
		if read {
			return nil, io.EOF
		}
		read = true
		return []source.Delivery[int]{{Value: 1, Context: trace.ContextWithRemoteSpanContext(context.Background(), parent)}, {Value: 2}}, nil
	})).Map("call", same).To(sink.ForEach(ignore[int]), stages.Name("store")).Run(t.Context(), otelflow.Traces(otelflow.Provider(provider)))
	require.NoError(t, err)
	require.Len(t, spans.GetSpans(), 2)
	for _, s := range spans.GetSpans() {
		require.Equal(t, trace.SpanID{2}, s.Parent.SpanID())
	}
}

// A retried item has one span, with an event for each failure and each retry.
func TestRetriesAreEvents(t *testing.T) {
	provider, spans := recorder(sdk.AlwaysSample())
	for range flow.From(source.Slice([]int{0, 1})).Guard(guard.Limit(4)).Retry(retry.Constant(3, time.Millisecond)).
		Map("call", func(_ context.Context, v int) (int, error) {
			if v == 0 {
				return 0, errFlaky
			}
			return v, nil
		}).Results(t.Context(), otelflow.Traces(otelflow.Provider(provider))) { //nolint:revive // all of them
	}
	calls := named(spans, "call")
	require.Len(t, calls, 2)
	for _, s := range calls {
		if s.Status.Code != codes.Error {
			require.Empty(t, s.Events)
			continue
		}
		var events []string
		for _, e := range s.Events {
			events = append(events, e.Name)
		}
		require.Equal(t, []string{"exception", "retry", "exception", "retry", "exception"}, events)
		require.Contains(t, s.Attributes, attribute.Int("weir.attempts", 3))
		require.Contains(t, s.Status.Description, "flaky")
	}
}

// A call for many items has links to their spans, and none to those of items that are not sampled.
func TestBatchesHaveLinks(t *testing.T) {
	provider, spans := recorder(sdk.AlwaysSample())
	_, err := flow.From(source.Slice([]int{1, 2, 3})).
		MapBatch("bulk", 3, 0, func(_ context.Context, all []int) ([]int, error) { return all, nil }).
		Batch(3, 0).
		To(sink.ForEach(ignore[[]int]), stages.Name("store")).
		Run(t.Context(), otelflow.Traces(otelflow.Provider(provider)))
	require.NoError(t, err)
	entries := map[trace.SpanID]bool{}
	for _, s := range named(spans, "flow receive") {
		entries[s.SpanContext.SpanID()] = true
	}
	require.Len(t, entries, 3)
	for _, name := range []string{"bulk", "store"} {
		all := named(spans, name)
		require.Len(t, all, 1)
		require.Len(t, all[0].Links, 3, name)
		for _, l := range all[0].Links {
			require.True(t, entries[l.SpanContext.SpanID()])
		}
	}
	require.Contains(t, named(spans, "bulk")[0].Attributes, attribute.Int("weir.items", 3))
}

// The sampler is asked once an item, and with a ratio of 0 never.
func TestSamplingIsDecidedOnce(t *testing.T) {
	asked := &counting{}
	provider, spans := recorder(asked)
	run := func(opts ...otelflow.Option) {
		_, err := flow.From(source.Slice(make([]int, 100))).Map("one", same).Map("two", same).
			To(sink.ForEach(ignore[int])).Run(t.Context(), otelflow.Traces(append(opts, otelflow.Provider(provider))...))
		require.NoError(t, err)
	}
	run()
	require.Equal(t, 100, asked.n)
	run(otelflow.Ratio(0))
	require.Equal(t, 100, asked.n)
	require.Empty(t, spans.GetSpans())
	run(otelflow.Ratio(0.5))
	require.InDelta(t, 150, asked.n, 35)
}

// counting is a sampler that samples nothing, and counts.
type counting struct{ n int }

func (c *counting) ShouldSample(sdk.SamplingParameters) sdk.SamplingResult {
	c.n++
	return sdk.SamplingResult{Decision: sdk.Drop}
}

func (*counting) Description() string { return "counting" }

func TestMetricsShowTheRun(t *testing.T) {
	reader := sdkmetric.NewManualReader()
	metrics, err := otelflow.NewMetrics(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)))
	require.NoError(t, err)
	var run *flow.Run
	_, err = flow.From(source.Slice(make([]int, 10)), stages.Name("numbers")).Guard(guard.Limit(8)).Map("call", same).
		To(sink.ForEach(ignore[int])).
		Run(t.Context(), flow.Named("orders"), metrics.Watch(), flow.OnStart(func(r *flow.Run) { run = r }))
	require.NoError(t, err)
	got := collect(t, reader)
	require.Equal(t, 10.0, got["weir.items.in flow=orders stage=call"])
	require.Equal(t, 10.0, got["weir.items flow=orders outcome=out stage=call"])
	require.Equal(t, 0.0, got["weir.items flow=orders outcome=failed stage=call"])
	require.Equal(t, 10.0, got["weir.calls flow=orders stage=call"])
	require.Equal(t, 256.0, got["weir.edge.capacity flow=orders from=numbers to=call"])
	require.Equal(t, 8.0, got["weir.layer figure=capacity flow=orders kind=guard layer=guard stage=call"])
	require.Contains(t, got, "weir.work.time flow=orders stage=call")
	metrics.Remove(run)
	require.Empty(t, collect(t, reader))
	metrics.Add(run)
	require.NotEmpty(t, collect(t, reader))
	require.NoError(t, metrics.Close())
	require.Empty(t, collect(t, reader))
}

// collect returns the values by name and attributes.
func collect(t *testing.T, reader sdkmetric.Reader) map[string]float64 {
	t.Helper()
	var all metricdata.ResourceMetrics
	require.NoError(t, reader.Collect(t.Context(), &all))
	got := map[string]float64{}
	key := func(name string, s attribute.Set) string {
		for _, kv := range s.ToSlice() {
			name += " " + string(kv.Key) + "=" + kv.Value.String()
		}
		return name
	}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch d := m.Data.(type) {
			case metricdata.Sum[int64]:
				require.True(t, d.IsMonotonic)
				for _, p := range d.DataPoints {
					got[key(m.Name, p.Attributes)] = float64(p.Value)
				}
			case metricdata.Sum[float64]:
				for _, p := range d.DataPoints {
					got[key(m.Name, p.Attributes)] = p.Value
				}
			case metricdata.Gauge[int64]:
				for _, p := range d.DataPoints {
					got[key(m.Name, p.Attributes)] = float64(p.Value)
				}
			case metricdata.Gauge[float64]:
				for _, p := range d.DataPoints {
					got[key(m.Name, p.Attributes)] = p.Value
				}
			}
		}
	}
	return got
}

// BenchmarkTraces asks what an item costs that is not sampled, in a flow of three stages and a
// sink.
func BenchmarkTraces(b *testing.B) {
	never, _ := recorder(sdk.NeverSample())
	for _, row := range []struct {
		name string
		opts []flow.RunOption
	}{
		{"off", nil},
		{"ratio=0", []flow.RunOption{otelflow.Traces(otelflow.Provider(never), otelflow.Ratio(0))}},
		{"ratio=0.0001", []flow.RunOption{otelflow.Traces(otelflow.Provider(never), otelflow.Ratio(0.0001))}},
		{"never", []flow.RunOption{otelflow.Traces(otelflow.Provider(never))}},
	} {
		b.Run("traces="+row.name, func(b *testing.B) {
			b.ReportAllocs()
			numbers := func(yield func(int) bool) {
				for i := range b.N {
					if !yield(i) {
						return
					}
				}
			}
			_, err := flow.From(source.Seq(numbers)).Map("a", same).Map("b", same).Map("c", same).
				ForEach(context.Background(), ignore[int], row.opts...)
			if err != nil {
				b.Fatal(err)
			}
		})
	}
}

// BenchmarkEntry asks what an item costs that is not sampled: the decision at the source, and what
// stages pay for it. Items come without a context, or with one, or with that of a parent that is not
// sampled.
func BenchmarkEntry(b *testing.B) {
	type tenant struct{}
	own := context.WithValue(context.Background(), tenant{}, 1)
	parent := trace.ContextWithRemoteSpanContext(own, trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1}, Remote: true}))
	for _, row := range []struct {
		name string
		ctx  context.Context
	}{{"none", nil}, {"own", own}, {"unsampled", parent}} {
		for _, stagesBelow := range []int{0, 3} {
			for _, traced := range []string{"off", "ratio=0"} {
				b.Run(fmt.Sprintf("context=%s/stages=%d/traces=%s", row.name, stagesBelow, traced), func(b *testing.B) {
					var opts []flow.RunOption
					if traced != "off" {
						never, _ := recorder(sdk.NeverSample())
						opts = append(opts, otelflow.Traces(otelflow.Provider(never), otelflow.Ratio(0)))
					}
					s := flow.From(stages.SourceFunc[int](func(_ context.Context, out *stages.Outlet[int]) error {
						for i := range b.N {
							if row.ctx == nil {
								out.Emit(i)
							} else {
								out.Deliver(stages.Receipt{Context: row.ctx}, i)
							}
						}
						return nil
					}))
					for i := range stagesBelow {
						s = s.Map(fmt.Sprint("stage ", i), same)
					}
					if _, err := s.ForEach(context.Background(), ignore[int], opts...); err != nil {
						b.Fatal(err)
					}
				})
			}
		}
	}
}

package otelflow

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
)

// scope is the name of the instrumentation.
const scope = "github.com/weir-go/weir/flow/otelflow"

// Option sets how runs are traced.
type Option func(*tracer)

// Provider sets where the spans go. The default is the global provider.
func Provider(p trace.TracerProvider) Option { return func(t *tracer) { t.provider = p } }

// Ratio sets the share of items without a parent that are sampled, from 0 to 1. The default is 1:
// the sampler of the provider decides for every item, which costs about 1 µs each.
func Ratio(share float64) Option { return func(t *tracer) { t.ratio = share } }

// Named sets the flow's name on spans. The default is [flow.DefaultName].
func Named(name string) Option { return func(t *tracer) { t.flow = name } }

// Traces traces the items of a run.
func Traces(opts ...Option) flow.RunOption {
	t := &tracer{provider: otel.GetTracerProvider(), ratio: 1, flow: flow.DefaultName}
	for _, o := range opts {
		o(t)
	}
	t.to = t.provider.Tracer(scope)
	h := flow.Hooks{Selected: true, Enter: t.enter, Root: t.root, Begin: t.begin, End: t.end, Leave: t.leave}
	if t.ratio < 1 {
		h.Gap = t.gap
	}
	return flow.WithHooks(h)
}

type tracer struct {
	provider trace.TracerProvider
	ratio    float64
	flow     string
	to       trace.Tracer
}

// enter decides whether an item with a context is sampled. A sampled item carries a span from then
// on.
func (t *tracer) enter(ctx context.Context) context.Context {
	if span := trace.SpanContextFromContext(ctx); span.IsValid() {
		return nil // like its parent
	}
	if t.ratio < 1 && rand.Float64() >= t.ratio {
		return nil
	}
	return t.receive(ctx)
}

// root begins the trace of an item without a context. The ratio decides whether the item is
// sampled.
func (t *tracer) root(ctx context.Context) context.Context {
	if with := t.receive(ctx); with != nil {
		return context.WithoutCancel(with) // the context is that of the run, which ends its calls itself
	}
	return nil
}

// receive returns the context with a span for the entry of an item, nil if it is not sampled.
func (t *tracer) receive(ctx context.Context) context.Context {
	with, span := t.to.Start(ctx, t.flow+" receive", trace.WithSpanKind(trace.SpanKindConsumer),
		trace.WithAttributes(attribute.String("weir.flow", t.flow)))
	span.End()
	if !span.SpanContext().IsSampled() {
		return nil
	}
	return with
}

// gap draws the number of items that are not sampled before the next one.
func (t *tracer) gap() int64 {
	if t.ratio <= 0 {
		return math.MaxInt64
	}
	return int64(min(math.Log(1-rand.Float64())/math.Log1p(-t.ratio), math.MaxInt64/2))
}

// begin starts the span of an item in a stage, or adds an attempt to it.
func (t *tracer) begin(ctx context.Context, c *flow.Call) context.Context {
	if span, ok := c.State.(trace.Span); ok {
		span.AddEvent("retry", trace.WithAttributes(attribute.Int("weir.attempt", c.Attempt)))
		return trace.ContextWithSpan(ctx, span)
	}
	links := linksOf(c.Links)
	if len(links) == 0 && !trace.SpanContextFromContext(ctx).IsSampled() {
		return nil
	}
	attrs := []attribute.KeyValue{attribute.String("weir.flow", t.flow), attribute.String("weir.stage", c.Stage)}
	if c.Items > 1 {
		attrs = append(attrs, attribute.Int("weir.items", c.Items))
	}
	ctx, span := t.to.Start(ctx, c.Stage, trace.WithLinks(links...), trace.WithAttributes(attrs...))
	c.State = span
	return ctx
}

// linksOf returns links to the spans that are sampled.
func linksOf(all []context.Context) (links []trace.Link) {
	for _, ctx := range all {
		if span := trace.SpanContextFromContext(ctx); span.IsSampled() {
			links = append(links, trace.Link{SpanContext: span})
		}
	}
	return links
}

func (t *tracer) end(_ context.Context, c *flow.Call, err error, work time.Duration) {
	if span, ok := c.State.(trace.Span); ok && failed(err) {
		span.RecordError(err, trace.WithAttributes(attribute.Int("weir.attempt", c.Attempt), attribute.Float64("weir.work_seconds", work.Seconds())))
	}
}

func (t *tracer) leave(c *flow.Call, err error) {
	span, ok := c.State.(trace.Span)
	if !ok {
		return
	}
	span.SetAttributes(attribute.Int("weir.attempts", c.Attempt))
	if failed(err) {
		span.SetStatus(codes.Error, err.Error())
	}
	span.End()
	c.State = nil
}

func failed(err error) bool { return err != nil && !errors.Is(err, stages.ErrDrop) }

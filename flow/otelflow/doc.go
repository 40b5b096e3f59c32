// Package otelflow shows runs to OpenTelemetry: traces of items, and metrics. It is a module of its
// own, so that the core does not need OpenTelemetry.
//
//	metrics, err := otelflow.NewMetrics(meterProvider)
//	...
//	report, err := graph.Run(ctx, otelflow.Traces(otelflow.Ratio(0.01)), metrics.Watch())
//
// # Traces
//
// There is a span for each item and stage that calls a function for it. Its parent is the span of
// the context that the item carries: that of its delivery, or of the caller of a service. For an
// item without one the source begins a trace with a span "<flow> receive". That span has no
// duration, and is the parent of the spans of all stages. The function gets the span in its
// context.
//
// A call for many items, such as a call of a MapBatch or for a batch, is a span with links to up to
// 128 of their spans. In a section the span lasts until the item leaves it; each attempt that
// failed, and each retry, is an event.
//
// Sampling is decided once for each item, when it enters: by its parent, or else by [Ratio] and
// then by the sampler of the provider. An item that is not sampled and comes without a context
// costs a countdown at the source, 5 to 15 ns, and nothing at any stage. An unsampled item with a
// context of its own costs about 60 ns at the source. It costs about 50 ns at each stage that calls
// a function for it, because the stage looks at the context again.
//
// Spans have the attributes weir.flow, weir.stage, weir.attempts and, for more than one item,
// weir.items. They show the texts of errors, and no values.
//
// # Metrics
//
// They are read from a snapshot of each run when the reader collects, and cost an item nothing. The
// attributes are flow, stage, outcome, from, to, layer, kind and figure, and no others.
//
//	weir.items.in        {item}  items that came to a stage
//	weir.items           {item}  what became of them, by outcome
//	weir.items.inside    {item}
//	weir.calls           {call}  calls of the function of a stage
//	weir.calls.active    {call}
//	weir.wait.time       s       time that items waited for a stage
//	weir.work.time       s       time that a stage worked on them
//	weir.workers         {goroutine}
//	weir.edge.items      {item}
//	weir.edge.capacity   {item}
//	weir.edge.full.time  s       time that the sender was blocked
//	weir.source.lag      {item}  if the source knows
//	weir.source.unsettled {item} if the source tells
//	weir.layer           1       the figures of layers, by figure; see [stages.Figures]
//
// OpenTelemetry has no asynchronous histogram, so distributions are not exported; promflow exports
// them.
package otelflow

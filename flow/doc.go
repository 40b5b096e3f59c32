// Package flow wires stages into graphs, and runs them.
//
// A [Graph] begins with a source ([From]), goes through stages, and ends in a
// sink ([Stream.To]). Building it starts nothing. [Graph.Run] validates it,
// reports all faults together, starts a goroutine for each node, and returns
// when everything it started has ended.
//
// A [Stream] is what leaves a stage; its methods join on the next one. A
// [Section] is a stream with layers (guard, dedup, breaker, retry, or one of
// your own) that wait for the call they enclose.
//
// An item that fails skips the stages below and stays an item: [Stream.Results]
// yields it, [Stream.OnError] replaces or drops it, [Stream.DeadLetter] keeps it.
// One that reaches a sink with none of these stops the run with its error.
//
// A run can be seen while it works: [Handler] answers probes and shows the [Status], [Logger] writes
// its story, [Distributions] keep percentiles, and [Hooks] see every call. [OnStart] hands the run
// out before it starts, whatever starts it. The modules promflow, otelflow and live build on these.
//
// A run ends in one of three ways: its sources are exhausted; its intake is
// stopped ([StopWhen], [Run.Stop]) and what is inside drains; or it is aborted,
// by the end of its context, by [Run.Abort] or by [DrainTimeout]. In each case
// the [Report] accounts for every item. User code that ignores its context would
// keep an aborted run from ending; [AbandonAfter] ends it without that code.
package flow

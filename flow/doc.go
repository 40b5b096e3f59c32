// Package flow wires stages into graphs, and runs them.
//
// A [Graph] begins with a source ([From]), goes through stages, and ends in a
// sink ([Stream.To]). Building it starts nothing. [Graph.Run] validates it,
// reports all faults together, starts a goroutine for each node, and returns
// when everything it started has ended.
//
// A [Stream] is what leaves a stage; its methods add the next stage. A [Section] is a stream with
// layers (guard, dedup, breaker, retry, or one of your own); its Map adds the call that they
// enclose.
//
// An item that fails skips the stages below and stays an item: [Stream.Results] yields it,
// [Stream.OnError] replaces or drops it, [Stream.DeadLetter] keeps it. A failed item that reaches
// any other sink stops the run with its error.
//
// A run can be observed while it works. Package [github.com/weir-go/weir/flow/probe] answers probes
// and shows the [Status], [Logger] writes log lines, [Distributions] keep percentiles, and [Hooks]
// see every call. [OnStart] gives you the run before it starts, whatever starts it. The modules
// promflow, otelflow and live build on these.
//
// A run ends in one of three ways:
//   - Its sources are exhausted.
//   - Its intake is stopped ([StopWhen], [StopOnSignal], [Run.Stop]), and the items inside drain.
//   - It is aborted by the end of its context, by [Run.Abort] or by [DrainTimeout].
//
// In each case the [Report] accounts for every item. User code that ignores its context keeps an
// aborted run from ending; [AbandonAfter] ends the run without that code.
package flow

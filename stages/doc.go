// Package stages has the contract of a dataflow: what a stage, a source and a sink are, and what
// they share. The stages that come with weir are in the packages below: source, sink, operator,
// section and deadletter. Package flow wires them, and treats a stage of your own in the same way.
//
// # Words
//
//   - An [Item] is one value on its way, with its lineage and timings.
//   - A [Stage] is a goroutine, or several, that connects an [Inlet] to an [Outlet]: the
//     receiving and the sending end of a bounded typed channel. A [Source] has an outlet
//     alone, a [Sink] an inlet alone.
//   - An edge is that channel: an outlet, an inlet and the items between them.
//   - A layer encloses a call in a section: requests go down through it, and responses come
//     back up. A section is layers around a call; the whole is one stage.
//   - A [Ledger] is the account of the items that came to a stage.
//
// # Edges
//
// An edge holds a bounded number of items. The next stage can receive an item as soon as it was
// sent, whatever the sender does next. Under load both ends work on up to 64 items at a time,
// which costs less. An item never waits for other items to come.
//
// # Goroutines
//
// Each stage has a goroutine of its own. Cheap neighbours share a goroutine: the stage above does
// the work of an idle stage by a function call. Both of these must hold:
//
//   - The idle stage is a Map, Filter or ForEach of one worker.
//   - An item costs this stage, and the stages that share the goroutine already, less than a
//     microsecond together. If an item comes alone the limit is 4 microseconds.
//
// Order, bounds, timings and ledger stay the same. A stage that becomes slow continues in its own
// goroutine, from the next group of up to 64 items. Until then a slow call also blocks the stages
// above it. The stage can share again after 64 cheap items. The goroutine of a source is never
// shared, nor are stages with several workers and stages of other packages. [EdgeState] tells
// which stages share.
//
// # Functions
//
// All functions have one shape: func(context.Context, In) (Out, error). [Lift] adapts a plain
// function. An error fails the item, [ErrDrop] drops it, and a panic becomes a *[PanicError].
package stages

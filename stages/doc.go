// Package stages has the contracts of a dataflow and the stages that come with
// it. Package flow wires them; everything it does with them can be done with a
// stage of your own.
//
// # Words
//
//   - An [Item] is one value on its way, with its lineage and timings.
//   - A [Stage] is a goroutine, or several, that connects an [Inlet] to an
//     [Outlet]: the receiving and the sending end of a bounded typed channel. A
//     [Source] has an outlet alone, a [Sink] an inlet alone.
//   - A [Layer] is a stage that encloses others: requests go down through it,
//     and responses come back up. A [Section] is layers around a call.
//   - An [Exchange] is a request and its response inside a section.
//   - A [Ledger] is the account of the items at a [Node].
//
// # Edges
//
// An edge holds a bounded number of items. Under load it carries them in batches
// of up to 64; at low load one by one. A batch never makes an item wait: what a
// stage has sent is within the next stage's reach, whatever the sender does next,
// because a receiver that finds its channel empty takes the batch in the making.
// When items are sent at once, and when some cheap ones together, [Map] says.
//
// # Goroutines
//
// Each stage has a goroutine of its own, and neighbours that are cheap share one
// all the same: as long as a [Map], [Filter] or [ForEach] of one worker is idle,
// and an item costs it and all that share the goroutine less than a microsecond,
// or four where it comes alone, the stage above does its work by a function call. The order, the bounds, the
// timings and the ledger are as ever. A stage that turns out slow goes on in its
// own goroutine, from the next item on, or, where items shared a clock read, from
// the next group of up to 64 on; it comes back after 64 cheap ones. Until then,
// and that long, such a call
// keeps the stages above waiting. A source's goroutine, workers of which there
// are several, the layers of a section and stages of one's own share with nobody.
// [EdgeState] and the picture of a run tell who shares.
//
// # Functions
//
// There is one shape of function: func(context.Context, In) (Out, error); [Lift]
// adapts plain ones. An error fails the item, [ErrDrop] drops it, and a panic
// becomes a *[PanicError].
package stages

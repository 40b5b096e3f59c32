// Package kernel runs nodes; package stages has the contract above it. It has no type parameters,
// and it knows no operator, no layer and no primitive. It builds on four packages. Package handoff
// has the edges between nodes. Package lineage has what belongs to an item beside its value.
// Package fault has the failures of items, and package account the counts of nodes. Package turn
// builds on the kernel, for stages with workers and for sections. Read the files of the kernel in
// this order:
//
//	run.go node.go          a run, and the place of a stage in it: clock, abort, account
//	pace.go group.go        up to 64 items done in one call
//	stage.go                a stage with one worker, and work done by a neighbour
//	meta.go inlet.go fate.go  what a stage with a loop of its own receives, and how each item ends
//	outlet.go entry.go      what it sends, and what a source sends; source.go, the same at less cost
//	hooks.go                functions that observe calls
//	demand.go control.go abandon.go  how a run is controlled from outside
//
// # Who owns what
//
// The state of a node at work belongs to the goroutine that does its work. That is the goroutine of
// the node, or that of its neighbour above, which does the work by a function call ([Node.Work]).
// Package handoff describes how the work changes hands. No other synchronization orders the two
// goroutines.
//
// # Abort
//
// An abort ends Run.Ctx. The machine checks Run.Ctx right before each call of a user's function.
package kernel

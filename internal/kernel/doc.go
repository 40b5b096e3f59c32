// Package kernel is the machine below the contract of package stages: nodes and runs. It has no
// type parameters, and it knows no operator, no layer and no primitive. What it builds on is in
// packages of its own: the edges between nodes in package handoff, what belongs to an item beside
// its value in package lineage, how an item fails in package fault, and what nodes count in package
// account. Sections are above it, in package turn, and the lanes of keys in package lanes. Read the
// files of the kernel in this order:
//
//	run.go node.go edge.go  a run, and the place of a stage in it: clock, abort, account
//	pace.go group.go        up to 64 items done in one call
//	stage.go                a stage with one worker, and work done by a neighbour
//	meta.go inlet.go fate.go  what a stage with a loop of its own receives, and what becomes of it
//	outlet.go entry.go      what it sends on, and what a source brings; source.go, at less cost
//	hooks.go                what watches calls
//	demand.go control.go abandon.go  what a run is told from outside
//
// # Who owns what
//
// The state of a node at work belongs to the goroutine that does its work: the node's own, or
// that of its neighbour above, which does it by a function call ([Node.Work]). Package handoff
// says how the work changes hands, and why nothing else needs to order the two.
//
// # Abort
//
// The abort is the end of Run.Ctx. Each function of a user is called right after a look at it.
package kernel

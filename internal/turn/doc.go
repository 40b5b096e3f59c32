// Package turn runs sections: stages with layers around their call, and workers. A stage that has
// workers and no layers is also a section. The package uses batches and nodes of package kernel.
// It knows no layer and no primitive. Read its files in this order:
//
//	flight.go    up to 64 items in a section
//	layer.go     the contract of layers
//	turn.go      who runs the layers: one goroutine at a time
//	end.go       how layers end: closed, emptied at an abort, or put out after a panic
//	clock.go     what is due at a time: deadlines, callers that go, alarms of layers
//	section.go   the entrance; run.go, a stage that is a section or not
//	crew.go      the workers
//	exit.go      what leaves, in order
//	visitors.go  callers that take their own items through, as the turn sees them
//	visit.go     what such a caller does
//
// Items go down through the layers to the queue of calls, workers make the calls, and responses come
// back up to the exit. A goroutine that brings something takes the turn and runs the layers. If
// another goroutine has the turn, it leaves a note and goes on. Only callers wait for the turn.
// Layers never block.
package turn

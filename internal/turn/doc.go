// Package turn runs sections: stages with layers around their call, and workers. A stage that has
// workers and no layers is also a section. The package uses batches and nodes of package kernel. It
// knows no layer and no primitive. Read its files in this order:
//
//	flight.go    up to 64 items in a section
//	layer.go     the contract of layers
//	turn.go      the turn: the right to run the layers, which one goroutine has at a time
//	end.go       how layers end: closed, emptied at an abort, or disabled after a panic
//	clock.go     deadlines, callers that go, alarms of layers
//	section.go   a section from its start to its end; run.go, stages that may become a section
//	entrance.go  how items come in, as many as there are seats
//	crew.go      the workers
//	exit.go      how items leave, in order
//	visitors.go  callers that take their own items through, in the turn
//	visit.go     what such a caller does itself
//
// Items go down through the layers to the queue of calls, workers make the calls, and responses
// come back up to the exit. A goroutine that brings items or responses takes the turn and runs the
// layers. If another goroutine has the turn, it leaves a note there and continues. Only callers
// wait for the turn. Layers never block.
package turn

// Package lanes runs a stage whose workers call its function by key. Calls for items of equal keys
// are made in order, one at a time. Calls for different keys are made from several goroutines. The
// package uses only packages kernel and handoff: a batch stores the items, and a [kernel.Caller]
// makes the calls and books them.
package lanes

// Package lanes runs a stage whose workers call its function by key: one at a time and in order for
// items of equal keys, and from several goroutines for different keys. It uses only packages kernel
// and handoff: a batch stores the items, and a [kernel.Caller] makes the calls and books them.
package lanes

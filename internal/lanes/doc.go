// Package lanes runs a stage that calls its function for items of different keys from several
// goroutines, and for items of equal keys in order, one at a time. It is written against package
// kernel alone: a batch is a place to keep items, and a [kernel.Caller] makes the calls and books
// them.
package lanes

// Package progress shows how far a run has come. On a terminal it is a bar. Otherwise
// it is a plain line about every second, so that the log of a build stays readable.
//
// The package starts no goroutine: the display changes when there is progress.
package progress

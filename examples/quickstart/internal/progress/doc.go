// Package progress shows how far a run has come: a bar where the writer is a
// terminal, and a plain line about every second where it is not, so that a log of
// a build stays readable.
//
// It runs no goroutine: what is shown changes when progress is made.
package progress

// Package peers has the libraries of the field do the work, each as its
// documentation says, one library per file.
//
// What they leave out is left out in their favour: go-streams has neither
// contexts nor errors in a stage, rill has no contexts, ro runs in the caller's
// goroutine, and none of them takes timings.
package peers

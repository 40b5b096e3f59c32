// Package measure keeps the record of one run: what became of each arrival, when,
// and how long after it was due; and what that took in memory and goroutines.
package measure

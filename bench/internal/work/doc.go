// Package work is the work that all implementations do: numbers go in, a step
// is done on each, and a haul counts what comes out.
package work

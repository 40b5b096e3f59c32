//go:build race

package bench

// raced says that the race detector is on.
const raced = true

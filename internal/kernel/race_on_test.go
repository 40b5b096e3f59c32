//go:build race

package kernel_test

// many is how many items go through the longest runs; the race detector is slow.
const many = 3000

// aborts is how many runs are aborted.
const aborts = 50

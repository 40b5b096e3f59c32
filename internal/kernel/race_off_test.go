//go:build !race

package kernel_test

// many is how many items go through the longest runs.
const many = 20_000

// aborts is how many runs are aborted.
const aborts = 200

//go:build race

package flow_test

// many is how many items the memory test sends; the race detector is slow.
const many = 300_000

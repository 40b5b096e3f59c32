//go:build !race

package flow_test

// many is how many items the memory test sends.
const many = 10_000_000

//go:build race

package flow_test

// many is how many items the memory test sends; the race detector is slow.
const many = 100_000

// far is how many items go through a zip whose ways are not equally long.
const far = 20_000

// raced is whether the race detector is at work, which allocates as well.
const raced = true

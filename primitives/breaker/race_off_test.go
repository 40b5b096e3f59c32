//go:build !race

package breaker_test

// flood is how many keys a registry is flooded with.
const flood = 1_000_000

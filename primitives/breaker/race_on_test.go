//go:build race

package breaker_test

// flood is how many keys a registry is flooded with; the race detector makes each
// ten times as dear.
const flood = 50_000

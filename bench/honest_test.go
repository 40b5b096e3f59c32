package bench

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// questions are all those whose implementations deliver what they were given.
func questions() []question {
	all := []question{
		rows("ThreeStages", 3, "noop"), rows("TenStages", 10, "noop"), rows("Work", 3, "1us"),
		workers("noop"), timeouts("noop"),
		sectionCalls(sectionCase{call: "noop", workers: crew}),
		sectionCalls(sectionCase{call: "noop", workers: crew, failing: true}),
		results(), channels(), branches(),
	}
	return append(all, operators()...)
}

// TestImplementationsDoTheWork keeps the benchmarks honest: no implementation
// is fast by doing less. No bubble: not all peers work in one.
func TestImplementationsDoTheWork(t *testing.T) {
	most := 10_001
	if raced { // the race detector is slow, and the peers wake each other for each item
		most = 1001
	}
	for _, q := range questions() {
		q.check(t, 0, 1, 150, most)
	}
	for _, q := range starts() {
		q.check(t, 0, 1, 150)
	}
}

// check has each implementation do the work for so many items.
func (q question) check(t *testing.T, sizes ...int) {
	for _, impl := range q.impls {
		t.Run(q.name+"/"+impl.name, func(t *testing.T) {
			for _, n := range sizes {
				h := impl.run(n)
				assert.Empty(t, q.wrong(impl, h, n), "%+v of %d", h, n)
			}
		})
	}
}

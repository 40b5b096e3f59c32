package flowtest

import (
	"testing"
	"testing/synctest"

	"github.com/weir-go/weir/flow"
)

// Bubble calls f in a bubble of virtual time; see [testing/synctest]. In it an hour
// passes at once when all goroutines wait for it. If goroutines are left when f has
// returned, the test fails and shows the stack of each.
func Bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		t.Helper()
		// This cleanup comes last: the cleanups of f's probes open the probes first.
		t.Cleanup(func() { nobodyLeft(t) })
		f(t)
	})
}

// Run runs the graph that build returns in a bubble, to its end, and returns what
// [flow.Graph.Run] does. The test fails if the ledgers do not balance, or goroutines
// are left. Make everything that the graph uses in build.
func Run(t *testing.T, build func(t *testing.T) *flow.Graph, opts ...flow.RunOption) (report *flow.Report, err error) {
	t.Helper()
	Bubble(t, func(t *testing.T) {
		t.Helper()
		report, err = build(t).Run(t.Context(), opts...)
		if report != nil {
			Balanced(t, report)
		}
	})
	return report, err
}

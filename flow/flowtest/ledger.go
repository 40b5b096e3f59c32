package flowtest

import (
	"testing"

	"github.com/weir-go/weir/flow"
)

// Balanced fails the test if the ledgers of a run that has ended do not balance: an
// item was lost, or accounted for twice. It names the stages.
func Balanced(t testing.TB, report *flow.Report) {
	t.Helper()
	if report == nil {
		t.Errorf("flowtest: there is no report")
		return
	}
	if err := report.Check(); err != nil {
		t.Errorf("flowtest: %v\n%v", err, report)
	}
}

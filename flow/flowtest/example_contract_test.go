package flowtest_test

import (
	"context"
	"testing"
	"time"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/flow/flowtest"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/sink"
)

// halves is a stage that an outsider could have written: it passes on half of each
// even number, and drops the odd ones.
type halves struct{}

func (s halves) Run(ctx context.Context, in *stages.Inlet[int], out *stages.Outlet[int]) error {
	for it := range in.All() {
		if it.Value%2 != 0 {
			in.Drop(it)
			continue
		}
		out.Send(it.With(it.Value / 2))
	}
	return nil
}

// The suite in the test of an outsider's stage.
func TestHalves(t *testing.T) {
	flowtest.TestStage(t, flowtest.StageCase[int, int]{
		New: func(func(context.Context) error) stages.Stage[int, int] { return halves{} },
		In:  []int{1, 2, 3, 4}, Out: []int{1, 2},
	})
}

// A test of a flow in virtual time: an hour costs nothing.
func TestAnHourInABubble(t *testing.T) {
	flowtest.Bubble(t, func(t *testing.T) {
		src, p := flowtest.NewSource[int]().Emit(2).Sleep(time.Hour).Emit(4), flowtest.NewProbe[int](t)
		r, err := flow.From(src).Via("halves", halves{}).To(p).Start(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		p.Expect(1)
		p.ExpectNone(time.Hour - time.Second)
		p.Expect(2)
		p.ExpectEnd()
		report, _ := r.Wait()
		flowtest.Balanced(t, report)
	})
}

// A flow that is run to its end, with faults in its function: nothing is lost.
func TestNothingIsLost(t *testing.T) {
	faults := flowtest.AtRandom(1, 0.2, flowtest.Fault{Err: context.DeadlineExceeded}, flowtest.Fault{Panic: "boo"}, flowtest.Fault{Delay: time.Minute})
	var kept []int
	report, err := flowtest.Run(t, func(*testing.T) *flow.Graph {
		return flow.From(flowtest.NewSource[int]().EmitAcked(1, 2, 3, 4, 5, 6, 7, 8, 9, 10)).
			Map("faulty", flowtest.Inject(same, faults), stages.Workers(3)).
			DeadLetter(func(context.Context, *stages.ItemError) error { return nil }).
			To(sink.Append(&kept))
	})
	if err != nil {
		t.Fatal(err)
	}
	if lost := int(report.Ledger.DeadLettered); len(kept)+lost != 10 || lost == 0 {
		t.Errorf("10 came, %d were kept and %d dead-lettered", len(kept), lost)
	}
}

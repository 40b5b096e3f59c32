package flowtest

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/source"
)

// StageCase says what [TestStage] needs to know of a stage.
type StageCase[I, O any] struct {
	// New returns the stage, each time one that is set up in the same way. If the
	// stage calls a function of its user, that function must begin with call, and
	// return its error if there is one. A stage that calls none ignores call.
	New func(call func(context.Context) error) stages.Stage[I, O]
	// In are the values to feed it with: at least one, and none of them fails.
	In []I
	// Out is what the stage makes of them. It is nil if that is not known.
	Out []O
	// AnyOrder says that the order of Out is not promised.
	AnyOrder bool
	// Outside runs the checks in real time, outside of bubbles: for code that uses
	// the network or other processes.
	Outside bool
}

// TestStage checks that a stage keeps the contract of [stages.Stage]:
//
//   - Every item is accounted for, and failed items pass by.
//   - An abort ends the stage soon, and a stopped intake drains it.
//   - A fault of the user's function is a failure of its item.
//   - The stage feels backpressure.
//   - Several flows can run the stage at the same time.
//   - No goroutine is left behind.
//
// Each check is a subtest.
func TestStage[I, O any](t *testing.T, c StageCase[I, O]) {
	t.Helper()
	if c.New == nil || len(c.In) == 0 {
		t.Fatal("flowtest: a StageCase needs New and In")
	}
	conduct(t, stageChecks[I, O](), c, c.Outside)
}

func stageChecks[I, O any]() []check[StageCase[I, O]] {
	return []check[StageCase[I, O]]{
		{"every item is accounted for", stageAccounts[I, O]},
		{"an untimed run is the same", stageUntimed[I, O]},
		{"an empty stream ends", stageEmpty[I, O]},
		{"it can be run twice at the same time", stageTwice[I, O]},
		{"failed items pass by", stagePasses[I, O]},
		{"it drains when the intake stops", stageDrains[I, O]},
		{"an abort ends it at work", stageAborted[I, O]},
		{"an abort ends it waiting for items", stageAbortedIdle[I, O]},
		{"it holds a bounded number of items, and an abort ends it blocked", stageBlocked[I, O]},
		{"it ends when no stage below wants more", stageUnwanted[I, O]},
		{"its workers can be set, or it says that it has none", stageStaffed[I, O]},
		{"acknowledgements come once", stageAcks[I, O]},
		{"an error of its function fails the item", stageErrors[I, O]},
		{"a panic of its function fails the item", stagePanics[I, O]},
		{"a function that ends its goroutine fails the item", stageGoexit[I, O]},
		{"an abort ends it while its function waits", stageHangs[I, O]},
	}
}

// pass is a call that does nothing.
func pass(context.Context) error { return nil }

// behind wires the stage between a source and the catcher.
func (c StageCase[I, O]) behind(s *flow.Stream[I], call func(context.Context) error, sink stages.Sink[O]) *flow.Graph {
	return s.Via(subject, c.New(call)).To(sink)
}

func stageAccounts[I, O any](t tester, c StageCase[I, O]) { c.through(t) }

func stageUntimed[I, O any](t tester, c StageCase[I, O]) { c.through(t, flow.Untimed()) }

func (c StageCase[I, O]) through(t tester, opts ...flow.RunOption) {
	t.Helper()
	sink := &catcher[O]{}
	launch(t, c.behind(flow.From(source.Slice(c.In)), pass, sink), opts...).ended(long, "the end of the source")
	c.compare(t, sink)
}

// compare checks the results of In.
func (c StageCase[I, O]) compare(t tester, sink *catcher[O]) {
	t.Helper()
	if len(sink.failed) > 0 {
		t.Errorf("%d items failed, the first with: %v", len(sink.failed), sink.failed[0])
	}
	if c.Out != nil {
		same(t, "what came of In", sink.values, c.Out, c.AnyOrder)
	}
}

func stageEmpty[I, O any](t tester, c StageCase[I, O]) {
	launch(t, c.behind(flow.From(NewSource[I]()), pass, &catcher[O]{})).ended(soon, "the end of an empty source")
}

func stageTwice[I, O any](t tester, c StageCase[I, O]) {
	stage := c.New(pass)
	var rigs [2]*rig
	var sinks [2]*catcher[O]
	for i := range rigs {
		sinks[i] = &catcher[O]{}
		rigs[i] = launch(t, flow.From(source.Slice(c.In)).Via(subject, stage).To(sinks[i]))
	}
	for i := range rigs {
		rigs[i].ended(long, "the end of the source")
		c.compare(t, sinks[i])
	}
}

// stagePasses sends a failed item after each healthy one.
func stagePasses[I, O any](t tester, c StageCase[I, O]) {
	var calls int
	above := flow.From(source.Slice(twice(c.In))).Map("above", func(_ context.Context, v I) (I, error) {
		if calls++; calls%2 == 0 {
			return v, errBroken
		}
		return v, nil
	})
	sink := &catcher[O]{}
	taker, _ := c.New(pass).(stages.FailureTaker)
	r := launch(t, c.behind(above, pass, sink))
	r.ended(long, "the end of the source")
	upstream, _ := r.report.Stage("above")
	came := int(upstream.Ledger.Failed)
	if taker != nil && taker.TakesFailures() {
		// The stage decides what it does with them.
		if kept := int(r.node().Ledger.Recovered); len(sink.failed)+kept != came {
			t.Errorf("%d failed items came; %d left, and it took up %d", came, len(sink.failed), kept)
		}
		return
	}
	if len(sink.failed) != came {
		t.Errorf("%d failed items came, and %d left", came, len(sink.failed))
	}
	for _, fault := range sink.failed {
		if fault.Stage != "above" || !errors.Is(fault, errBroken) {
			t.Errorf("an item failed above, and left with: %v", fault)
		}
	}
	if c.Out != nil {
		same(t, "what came of the healthy items", sink.values, c.Out, c.AnyOrder)
	}
}

// twice returns each value two times.
func twice[T any](values []T) (all []T) {
	for _, v := range values {
		all = append(all, v, v)
	}
	return all
}

func stageDrains[I, O any](t tester, c StageCase[I, O]) {
	r := launch(t, c.behind(flow.From(NewSource[I]().Emit(c.In...).Repeat()), pass, &catcher[O]{}))
	time.Sleep(100 * time.Millisecond)
	r.run.Stop()
	r.ended(soon, "the intake has stopped")
}

func stageAborted[I, O any](t tester, c StageCase[I, O]) {
	r := launch(t, c.behind(flow.From(NewSource[I]().Emit(c.In...).Repeat()), pass, &catcher[O]{}))
	time.Sleep(100 * time.Millisecond)
	r.aborts()
}

func stageAbortedIdle[I, O any](t tester, c StageCase[I, O]) {
	r := launch(t, c.behind(flow.From(NewSource[I]().Emit(c.In[0]).Await(nil)), pass, &catcher[O]{}))
	time.Sleep(100 * time.Millisecond)
	r.aborts()
}

// many is more items than a bounded stage holds.
const many = 20_000

func stageBlocked[I, O any](t tester, c StageCase[I, O]) {
	r := launch(t, c.behind(flow.From(flood(c.In, many)), pass, &catcher[O]{gate: make(chan struct{})}))
	time.Sleep(soon)
	// A stage that drops or combines items may take more of them.
	if l := r.node().Ledger; l.In >= many && l.Filtered+l.Folded+l.Shed == 0 {
		t.Errorf("its results were not taken, and it still took %d items", l.In)
	}
	r.aborts()
}

func stageUnwanted[I, O any](t tester, c StageCase[I, O]) {
	s := flow.From(NewSource[I]().Emit(c.In...).Repeat()).Via(subject, c.New(pass)).Via("below", wantsNone[O]())
	launch(t, s.To(&catcher[O]{})).ended(long, "the stage below has had enough")
}

func stageStaffed[I, O any](t tester, c StageCase[I, O]) {
	_, staffed := c.New(pass).(stages.Staffed)
	launch(t, c.behind(flow.From(NewSource[I]().Emit(c.In...).Repeat()), pass, &catcher[O]{})).staffed(staffed)
}

func stageAcks[I, O any](t tester, c StageCase[I, O]) {
	src := NewSource[I]().EmitAcked(c.In...).EmitAcked(c.In...)
	launch(t, c.behind(flow.From(src), pass, &catcher[O]{})).ended(long, "the end of the source")
	acks, came := src.Acks(), len(src.Emitted())
	if len(acks) != came {
		t.Errorf("%d items wanted an acknowledgement each, and %d came", came, len(acks))
	}
	for _, a := range acks {
		if a.Err != nil {
			t.Errorf("nothing failed, and an acknowledgement says: %v", a.Err)
		}
	}
}

// faulty runs the stage with a function that calls do on every second call. It returns the failed
// items, and the number of calls of do, which is 0 if the stage calls no function. broken is the
// fault that the run may have.
func (c StageCase[I, O]) faulty(t tester, broken error, do func() error) (failed []*stages.ItemError, done int) {
	t.Helper()
	var calls atomic.Int64
	sink := &catcher[O]{}
	g := c.behind(flow.From(source.Slice(twice(c.In))), func(context.Context) error {
		if calls.Add(1)%2 == 0 {
			return do()
		}
		return nil
	}, sink)
	r := launch(t, g)
	r.ends(long, "the end of the source")
	if r.err != nil && (broken == nil || !errors.Is(r.err, broken)) {
		t.Errorf("items failed, and the run with them: %v", r.err)
	}
	return sink.failed, int(calls.Load() / 2)
}

func stageErrors[I, O any](t tester, c StageCase[I, O]) {
	failed, done := c.faulty(t, nil, func() error { return errBroken })
	if len(failed) != done {
		t.Errorf("its function returned %d errors, and %d items failed", done, len(failed))
	}
	for _, fault := range failed {
		if fault.Stage != subject || !errors.Is(fault, errBroken) {
			t.Errorf("its function failed, and the item says: %v", fault)
		}
	}
}

func stagePanics[I, O any](t tester, c StageCase[I, O]) {
	failed, done := c.faulty(t, nil, func() error { panic(errBroken) })
	if len(failed) != done {
		t.Errorf("its function panicked %d times, and %d items failed", done, len(failed))
	}
	for _, fault := range failed {
		if _, ok := errors.AsType[*stages.PanicError](fault.Err); !ok || !errors.Is(fault, errBroken) {
			t.Errorf("its function panicked, and the item says: %v", fault)
		}
	}
}

// stageGoexit accepts a stage that runtime.Goexit has ended: no more is possible if the function
// runs in the stage's own goroutine.
func stageGoexit[I, O any](t tester, c StageCase[I, O]) {
	failed, done := c.faulty(t, stages.ErrGoexit, func() error { return Fault{Goexit: true}.strike(context.Background()) })
	if len(failed) < min(done, 1) {
		t.Errorf("its function ended its goroutine %d times, and no item failed", done)
	}
	for _, fault := range failed {
		if !errors.Is(fault, stages.ErrGoexit) {
			t.Errorf("its function ended its goroutine, and the item says: %v", fault)
		}
	}
}

func stageHangs[I, O any](t tester, c StageCase[I, O]) {
	hang := func(ctx context.Context) error { return Fault{Hang: true}.strike(ctx) }
	r := launch(t, c.behind(flow.From(NewSource[I]().Emit(c.In...).Repeat()), hang, &catcher[O]{}))
	time.Sleep(100 * time.Millisecond)
	r.aborts()
}

package flowtest

import (
	"testing"
	"time"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
)

// SourceCase says what [TestSource] needs to know of a source.
type SourceCase[T any] struct {
	// New returns the source, each time one that brings the same from the beginning.
	New func() stages.Source[T]
	// Brings is what the source emits until its end. It is nil if the source has no
	// end, or if that is not known.
	Brings []T
	// Endless says that the source does not end by itself.
	Endless bool
	// Acks returns how many acknowledgements the source that New returned last has
	// had so far. It is nil if the source needs none.
	Acks func() int
	// Outside runs the checks in real time; see [StageCase].
	Outside bool
}

// TestSource checks that a source keeps the contract of [stages.Source]:
//
//   - The source brings what it has, in order, and accounts for it.
//   - It feels backpressure.
//   - It ends soon after its intake has stopped or the flow was aborted, without an error of its
//     own.
//   - It gets one acknowledgement for each item.
//   - No goroutine is left behind.
//
// Each check is a subtest.
func TestSource[T any](t *testing.T, c SourceCase[T]) {
	t.Helper()
	if c.New == nil {
		t.Fatal("flowtest: a SourceCase needs New")
	}
	conduct(t, sourceChecks[T](), c, c.Outside)
}

func sourceChecks[T any]() []check[SourceCase[T]] {
	return []check[SourceCase[T]]{
		{"it brings what it has, in order", sourceBrings[T]},
		{"it ends when the intake stops", sourceStops[T]},
		{"it ends when the intake stops at once", sourceStopsAtOnce[T]},
		{"it ends when the intake stops while its items are not taken", sourceStopsBlocked[T]},
		{"it ends when no stage wants more", sourceUnwanted[T]},
		{"an abort ends it", sourceAborted[T]},
		{"an abort ends it blocked", sourceAbortedBlocked[T]},
		{"acknowledgements come once", sourceAcks[T]},
	}
}

func (c SourceCase[T]) before(sink stages.Sink[T]) *flow.Graph {
	return flow.From(c.New(), stages.Name(subject)).To(sink, stages.Buffer(1))
}

func sourceBrings[T any](t tester, c SourceCase[T]) {
	sink := &catcher[T]{}
	r := launch(t, c.before(sink))
	if c.Endless {
		time.Sleep(soon)
		r.run.Stop()
	}
	r.ended(long, "its beginning")
	if c.Brings == nil {
		return
	}
	got := sink.values
	if c.Endless {
		got = got[:min(len(got), len(c.Brings))]
	}
	same(t, "what it brought", got, c.Brings, false)
}

func sourceStops[T any](t tester, c SourceCase[T]) {
	r := launch(t, c.before(&catcher[T]{}))
	time.Sleep(100 * time.Millisecond)
	r.run.Stop()
	r.ended(soon, "the intake has stopped")
}

func sourceStopsAtOnce[T any](t tester, c SourceCase[T]) {
	r := launch(t, c.before(&catcher[T]{}))
	r.run.Stop()
	r.ended(soon, "the intake has stopped")
}

// sourceStopsBlocked lets a stopped source send the items that it holds.
func sourceStopsBlocked[T any](t tester, c SourceCase[T]) {
	sink := &catcher[T]{gate: make(chan struct{})}
	r := launch(t, c.before(sink))
	time.Sleep(100 * time.Millisecond)
	r.run.Stop()
	time.Sleep(100 * time.Millisecond)
	close(sink.gate)
	r.ended(soon, "the intake has stopped")
}

func sourceUnwanted[T any](t tester, c SourceCase[T]) {
	s := flow.From(c.New(), stages.Name(subject)).Via("below", wantsNone[T]())
	launch(t, s.To(&catcher[T]{})).ended(long, "the stage below has had enough")
}

func sourceAborted[T any](t tester, c SourceCase[T]) {
	r := launch(t, flow.From(c.New(), stages.Name(subject)).To(&catcher[T]{}))
	if c.Endless {
		time.Sleep(100 * time.Millisecond)
	}
	r.run.Abort(errAbort)
	r.ends(soon, "the abort")
}

func sourceAbortedBlocked[T any](t tester, c SourceCase[T]) {
	r := launch(t, c.before(&catcher[T]{gate: make(chan struct{})}))
	time.Sleep(100 * time.Millisecond)
	r.aborts()
}

func sourceAcks[T any](t tester, c SourceCase[T]) {
	if c.Acks == nil {
		return
	}
	sink := &catcher[T]{}
	r := launch(t, c.before(sink))
	if c.Endless {
		time.Sleep(soon)
		r.run.Stop()
	}
	r.ended(long, "its beginning")
	if got := c.Acks(); got != len(sink.values) {
		t.Errorf("%d items were done, and %d acknowledgements came", len(sink.values), got)
	}
}

package flowtest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/source"
)

// SinkCase says what [TestSink] needs to know of a sink.
type SinkCase[T any] struct {
	// New returns the sink, each time one that has taken nothing yet. If the sink
	// calls a function of its user, that function must begin with call, and return
	// its error if there is one. A sink that calls none ignores call.
	New func(call func(context.Context) error) stages.Sink[T]
	// In are the values to feed it with: at least one, and none of them fails.
	In []T
	// Took returns what the sink that New returned last has taken. It is nil if that
	// is not known.
	Took func() []T
	// Outside runs the checks in real time; see [StageCase].
	Outside bool
}

// TestSink checks that a sink keeps the contract of [stages.Sink]:
//
//   - The sink takes every item, in order, and accounts for it.
//   - A failed item stops the run, unless the sink takes failures.
//   - An abort ends the sink soon.
//   - A fault of the user's function is a failure of its item.
//   - Acknowledgements come once.
//   - No goroutine is left behind.
//
// Each check is a subtest.
func TestSink[T any](t *testing.T, c SinkCase[T]) {
	t.Helper()
	if c.New == nil || len(c.In) == 0 {
		t.Fatal("flowtest: a SinkCase needs New and In")
	}
	conduct(t, sinkChecks[T](), c, c.Outside)
}

func sinkChecks[T any]() []check[SinkCase[T]] {
	return []check[SinkCase[T]]{
		{"it takes every item, in order", sinkTakes[T]},
		{"an empty stream ends", sinkEmpty[T]},
		{"a failed item stops the run, or is taken", sinkFailed[T]},
		{"it drains when the intake stops", sinkDrains[T]},
		{"its workers can be set, or it says that it has none", sinkStaffed[T]},
		{"an abort ends it at work", sinkAborted[T]},
		{"an abort ends it waiting for items", sinkAbortedIdle[T]},
		{"an abort ends it while its function waits", sinkHangs[T]},
		{"acknowledgements come once", sinkAcks[T]},
		{"an error of its function is acknowledged as one", sinkErrors[T]},
		{"a panic of its function is contained", sinkPanics[T]},
	}
}

func (c SinkCase[T]) behind(s *flow.Stream[T], call func(context.Context) error) *flow.Graph {
	return s.To(c.New(call), stages.Name(subject))
}

func sinkTakes[T any](t tester, c SinkCase[T]) {
	r := launch(t, c.behind(flow.From(source.Slice(c.In)), pass))
	r.ended(long, "the end of the source")
	if c.Took != nil {
		same(t, "what it took", c.Took(), c.In, false)
	}
	if l := r.node().Ledger; l.Out != int64(len(c.In)) {
		t.Errorf("of %d items it accepted %d", len(c.In), l.Out)
	}
}

func sinkEmpty[T any](t tester, c SinkCase[T]) {
	launch(t, c.behind(flow.From(NewSource[T]()), pass)).ended(soon, "the end of an empty source")
}

func sinkFailed[T any](t tester, c SinkCase[T]) {
	src := NewSource[T]().EmitAcked(c.In[0])
	s := flow.From(src).Map("above", func(_ context.Context, v T) (T, error) { return v, errBroken })
	taker, _ := c.New(pass).(stages.FailureTaker)
	r := launch(t, c.behind(s, pass))
	r.ends(long, "a failed item")
	if acks := src.Acks(); len(acks) != 1 || !errors.Is(acks[0].Err, errBroken) {
		t.Errorf("an item failed, and its acknowledgements say: %v", acks)
	}
	if taker != nil && taker.TakesFailures() {
		return
	}
	if !errors.Is(r.err, errBroken) {
		t.Errorf("an item failed, no policy took it, and the run ended with: %v", r.err)
	}
}

func sinkDrains[T any](t tester, c SinkCase[T]) {
	r := launch(t, c.behind(flow.From(NewSource[T]().Emit(c.In...).Repeat()), pass))
	time.Sleep(100 * time.Millisecond)
	r.run.Stop()
	r.ended(soon, "the intake has stopped")
}

func sinkStaffed[T any](t tester, c SinkCase[T]) {
	_, staffed := c.New(pass).(stages.Staffed)
	launch(t, c.behind(flow.From(NewSource[T]().Emit(c.In...).Repeat()), pass)).staffed(staffed)
}

func sinkAborted[T any](t tester, c SinkCase[T]) {
	r := launch(t, c.behind(flow.From(NewSource[T]().Emit(c.In...).Repeat()), pass))
	time.Sleep(100 * time.Millisecond)
	r.aborts()
}

func sinkAbortedIdle[T any](t tester, c SinkCase[T]) {
	r := launch(t, c.behind(flow.From(NewSource[T]().Emit(c.In[0]).Await(nil)), pass))
	time.Sleep(100 * time.Millisecond)
	r.aborts()
}

func sinkHangs[T any](t tester, c SinkCase[T]) {
	hang := func(ctx context.Context) error { return Fault{Hang: true}.strike(ctx) }
	r := launch(t, c.behind(flow.From(NewSource[T]().Emit(c.In...).Repeat()), hang))
	time.Sleep(100 * time.Millisecond)
	r.aborts()
}

func sinkAcks[T any](t tester, c SinkCase[T]) {
	src := NewSource[T]().EmitAcked(c.In...)
	launch(t, c.behind(flow.From(src), pass)).ended(long, "the end of the source")
	acks := src.Acks()
	if len(acks) != len(c.In) {
		t.Errorf("%d items wanted an acknowledgement each, and %d came", len(c.In), len(acks))
	}
	for _, a := range acks {
		if a.Err != nil {
			t.Errorf("nothing failed, and an acknowledgement says: %v", a.Err)
		}
	}
}

// faulty sends one item to a sink whose function calls do, and returns the acknowledgement.
func (c SinkCase[T]) faulty(t tester, do func() error) (r *rig, ack error, called bool) {
	t.Helper()
	src := NewSource[T]().EmitAcked(c.In[0])
	r = launch(t, c.behind(flow.From(src), func(context.Context) error {
		called = true
		return do()
	}))
	r.ends(long, "the end of the source")
	if acks := src.Acks(); len(acks) == 1 {
		ack = acks[0].Err
	} else {
		t.Errorf("one item wanted an acknowledgement, and %d came", len(acks))
	}
	return r, ack, called
}

func sinkErrors[T any](t tester, c SinkCase[T]) {
	r, ack, called := c.faulty(t, func() error { return errBroken })
	if called && (!errors.Is(ack, errBroken) || !errors.Is(r.err, errBroken)) {
		t.Errorf("its function failed; the acknowledgement says: %v; and the run ended with: %v", ack, r.err)
	}
}

func sinkPanics[T any](t tester, c SinkCase[T]) {
	r, ack, called := c.faulty(t, func() error { panic(errBroken) })
	if !called {
		return
	}
	for _, err := range []error{ack, r.err} {
		if _, ok := errors.AsType[*stages.PanicError](err); !ok {
			t.Errorf("its function panicked; the acknowledgement says: %v; and the run ended with: %v", ack, r.err)
			return
		}
	}
}

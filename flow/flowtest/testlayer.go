package flowtest

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/section"
	"github.com/weir-go/weir/stages/source"
)

// LayerCase says what [TestLayer] needs to know of a layer.
type LayerCase[I any] struct {
	// New returns the layer, each time one that is set up in the same way.
	New func() section.Layer
	// In are the values to feed it with, at least one. They differ for the layer, and the layer
	// lets all of them through to a call that succeeds.
	In []I
	// Outside runs the checks in real time; see [StageCase].
	Outside bool
}

// TestLayer checks that a layer keeps the contract of [section.Layer], alone and between other
// layers:
//
//   - Each exchange is sent on once, down or up, at once or later.
//   - Nothing is lost when all calls fail, panic or hang.
//   - An abort ends the layer soon, and a stopped intake drains it.
//   - The state of the layer belongs to one run.
//   - No goroutine is left behind.
//
// Each check is a subtest. The checks of [TestStage] run as well, on a section of the layer
// around a call that succeeds.
func TestLayer[I any](t *testing.T, c LayerCase[I]) {
	t.Helper()
	if c.New == nil || len(c.In) == 0 {
		t.Fatal("flowtest: a LayerCase needs New and In")
	}
	conduct(t, layerChecks[I](), c, c.Outside)
}

func layerChecks[I any]() []check[LayerCase[I]] {
	var checks []check[LayerCase[I]]
	for _, k := range stageChecks[I, I]() {
		checks = append(checks, check[LayerCase[I]]{k.name, func(t tester, c LayerCase[I]) { k.try(t, c.section()) }})
	}
	return append(checks,
		check[LayerCase[I]]{"nothing is lost where every call fails", layerFails[I]},
		check[LayerCase[I]]{"nothing is lost where every call panics", layerPanics[I]},
		check[LayerCase[I]]{"an abort ends it while all calls wait", layerHangs[I]},
		check[LayerCase[I]]{"an abort ends it after calls have failed", layerAbortedFailing[I]},
		check[LayerCase[I]]{"it stands around another layer, and within one", layerAmong[I]},
	)
}

// section is the layer around a call that succeeds. The call does not belong to the tested stage:
// the layer decides about its failures.
func (c LayerCase[I]) section() StageCase[I, I] {
	return StageCase[I, I]{In: c.In, Out: c.In, New: func(func(context.Context) error) stages.Stage[I, I] {
		return c.around(func(_ context.Context, v I) (I, error) { return v, nil })
	}}
}

func (c LayerCase[I]) around(f func(context.Context, I) (I, error)) stages.Stage[I, I] {
	return section.Map([]section.Layer{c.New()}, f, stages.Workers(2))
}

// doomed runs the layer around a call that always fails: each item must fail.
func (c LayerCase[I]) doomed(t tester, f func(context.Context, I) (I, error)) {
	t.Helper()
	sink := &catcher[I]{}
	launch(t, flow.From(source.Slice(c.In)).Via(subject, c.around(f)).To(sink)).ended(long, "the end of the source")
	if len(sink.values) > 0 || len(sink.failed) != len(c.In) {
		t.Errorf("no call succeeded for %d items, and %d came out healthy, %d failed", len(c.In), len(sink.values), len(sink.failed))
	}
	for _, fault := range sink.failed {
		if fault.Stage != subject {
			t.Errorf("an item failed in the section, and says: %v", fault)
		}
	}
}

func layerFails[I any](t tester, c LayerCase[I]) {
	c.doomed(t, func(_ context.Context, v I) (I, error) { return v, errBroken })
}

func layerPanics[I any](t tester, c LayerCase[I]) {
	c.doomed(t, func(context.Context, I) (I, error) { panic(errBroken) })
}

func layerHangs[I any](t tester, c LayerCase[I]) {
	c.aborted(t, func(ctx context.Context, v I) (I, error) { return v, Fault{Hang: true}.strike(ctx) })
}

// layerAbortedFailing aborts a layer that may hold failed items, as a retry does.
func layerAbortedFailing[I any](t tester, c LayerCase[I]) {
	c.aborted(t, func(_ context.Context, v I) (I, error) { return v, errBroken })
}

func (c LayerCase[I]) aborted(t tester, f func(context.Context, I) (I, error)) {
	t.Helper()
	r := launch(t, flow.From(NewSource[I]().Emit(c.In...).Repeat()).Via(subject, c.around(f)).To(&catcher[I]{}))
	time.Sleep(100 * time.Millisecond)
	r.aborts()
}

// layerAmong has few exchanges, so that they are reused often.
func layerAmong[I any](t tester, c LayerCase[I]) {
	var calls atomic.Int64
	layers := []section.Layer{section.Guard(guard.Limit(3)), c.New(), section.Timeout(long)}
	f := func(_ context.Context, v I) (I, error) { calls.Add(1); return v, nil }
	sink := &catcher[I]{}
	launch(t, flow.From(source.Slice(c.In)).Via(subject, section.Map(layers, f)).To(sink)).ended(long, "the end of the source")
	for _, fault := range sink.failed {
		if !errors.Is(fault, guard.ErrShed) {
			t.Errorf("an item failed: %v", fault)
		}
	}
	same(t, "what came of In", sink.values, c.In, false)
	if n := int(calls.Load()); n < len(c.In) {
		t.Errorf("%d different items came out of %d calls", len(c.In), n)
	}
}

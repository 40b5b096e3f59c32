package otelflow

import (
	"context"
	"errors"
	"slices"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/weir-go/weir/flow"
)

// Metrics shows the runs of a process to a meter. It must be made by [NewMetrics]. Its methods may
// be called from any goroutine.
//
// A run takes the place of another one with the same name; see [flow.Named]. A run that has ended is
// shown until then, or until [Metrics.Remove].
type Metrics struct {
	mu   sync.Mutex
	runs []*flow.Run // Guarded by: mu

	in, items, calls                               metric.Int64ObservableCounter
	wait, work, full                               metric.Float64ObservableCounter
	inside, active, workers, depth, bound, lag, un metric.Int64ObservableGauge
	layer                                          metric.Float64ObservableGauge
	unregister                                     func() error
}

// NewMetrics makes the instruments. [Metrics.Close] ends their use.
func NewMetrics(p metric.MeterProvider) (*Metrics, error) {
	m, meter := &Metrics{}, p.Meter(scope)
	var errs []error
	counter := func(name, unit, help string) metric.Int64ObservableCounter {
		c, err := meter.Int64ObservableCounter(name, metric.WithUnit(unit), metric.WithDescription(help))
		errs = append(errs, err)
		return c
	}
	seconds := func(name, help string) metric.Float64ObservableCounter {
		c, err := meter.Float64ObservableCounter(name, metric.WithUnit("s"), metric.WithDescription(help))
		errs = append(errs, err)
		return c
	}
	gauge := func(name, unit, help string) metric.Int64ObservableGauge {
		g, err := meter.Int64ObservableGauge(name, metric.WithUnit(unit), metric.WithDescription(help))
		errs = append(errs, err)
		return g
	}
	m.in = counter("weir.items.in", "{item}", "Items that came to the stage.")
	m.items = counter("weir.items", "{item}", "What became of the items of the stage.")
	m.calls = counter("weir.calls", "{call}", "Calls of the function of the stage.")
	m.wait = seconds("weir.wait.time", "Time that items waited for the stage.")
	m.work = seconds("weir.work.time", "Time that the stage worked on items.")
	m.full = seconds("weir.edge.full.time", "Time that the sender was blocked because the edge was full.")
	m.inside = gauge("weir.items.inside", "{item}", "Items that came and are not accounted for.")
	m.active = gauge("weir.calls.active", "{call}", "Calls that are being made.")
	m.workers = gauge("weir.workers", "{goroutine}", "Goroutines that call the function of the stage.")
	m.depth = gauge("weir.edge.items", "{item}", "Items on the edge.")
	m.bound = gauge("weir.edge.capacity", "{item}", "Items that the edge has room for.")
	m.lag = gauge("weir.source.lag", "{item}", "Values that wait in the queue.")
	m.un = gauge("weir.source.unsettled", "{item}", "Values that are not acknowledged.")
	layer, err := meter.Float64ObservableGauge("weir.layer", metric.WithDescription("Figures of layers, by figure."))
	m.layer = layer
	if err := errors.Join(append(errs, err)...); err != nil {
		return nil, err
	}
	reg, err := meter.RegisterCallback(m.observe, m.in, m.items, m.calls, m.wait, m.work, m.full,
		m.inside, m.active, m.workers, m.depth, m.bound, m.lag, m.un, m.layer)
	if err != nil {
		return nil, err
	}
	m.unregister = reg.Unregister
	return m, nil
}

// Watch shows the run that the option is for, from its start on.
func (m *Metrics) Watch() flow.RunOption { return flow.OnStart(m.Add) }

// Add shows a run, in place of the one with its name if there is one.
func (m *Metrics) Add(r *flow.Run) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.runs = append(slices.DeleteFunc(slices.Clone(m.runs), func(x *flow.Run) bool { return x.Name() == r.Name() }), r)
}

// Remove stops showing the run.
func (m *Metrics) Remove(r *flow.Run) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.runs = slices.DeleteFunc(slices.Clone(m.runs), func(x *flow.Run) bool { return x == r })
}

// Close ends the use of the instruments.
func (m *Metrics) Close() error { return m.unregister() }

func (m *Metrics) observe(_ context.Context, o metric.Observer) error {
	m.mu.Lock()
	runs := m.runs
	m.mu.Unlock()
	for _, r := range runs {
		m.run(o, r.Status())
	}
	return nil
}

func (m *Metrics) run(o metric.Observer, s flow.Status) {
	of := attribute.String("flow", s.Flow)
	for _, st := range s.Stages {
		stage := attribute.String("stage", st.Name)
		at := metric.WithAttributes(of, stage)
		o.ObserveInt64(m.in, st.Ledger.In, at)
		for _, one := range outcomes(st) {
			o.ObserveInt64(m.items, one.n, metric.WithAttributes(of, stage, attribute.String("outcome", one.name)))
		}
		o.ObserveInt64(m.inside, st.Inside, at)
		o.ObserveInt64(m.calls, st.CallsTotal, at)
		o.ObserveInt64(m.active, int64(st.Calls), at)
		o.ObserveFloat64(m.wait, st.WaitSeconds, at)
		o.ObserveFloat64(m.work, st.WorkSeconds, at)
		if st.Workers > 0 {
			o.ObserveInt64(m.workers, int64(st.Workers), at)
		}
		if h := st.Health; h != nil {
			o.ObserveInt64(m.un, h.Unsettled, at)
			if h.Lag != nil {
				o.ObserveInt64(m.lag, *h.Lag, at)
			}
		}
		for _, l := range st.Layers {
			for figure, v := range l.Figures {
				o.ObserveFloat64(m.layer, v, metric.WithAttributes(of, stage, attribute.String("layer", l.Layer),
					attribute.String("kind", l.Kind), attribute.String("figure", figure)))
			}
		}
	}
	m.edges(o, of, s.Edges)
}

// edges adds up edges between the same stages.
func (m *Metrics) edges(o metric.Observer, of attribute.KeyValue, all []flow.EdgeStatus) {
	sums := map[[2]string]flow.EdgeStatus{}
	for _, e := range all {
		sum := sums[[2]string{e.From, e.To}]
		sum.Items, sum.Capacity, sum.FullSeconds = sum.Items+e.Items, sum.Capacity+e.Capacity, sum.FullSeconds+e.FullSeconds
		sums[[2]string{e.From, e.To}] = sum
	}
	for ends, e := range sums {
		at := metric.WithAttributes(of, attribute.String("from", ends[0]), attribute.String("to", ends[1]))
		o.ObserveInt64(m.depth, int64(e.Items), at)
		o.ObserveInt64(m.bound, int64(e.Capacity), at)
		o.ObserveFloat64(m.full, e.FullSeconds, at)
	}
}

type outcome struct {
	name string
	n    int64
}

func outcomes(st flow.StageStatus) []outcome {
	l := st.Ledger
	return []outcome{
		{"out", l.Out}, {"folded", l.Folded}, {"filtered", l.Filtered}, {"failed", l.Failed}, {"shed", l.Shed},
		{"expired", l.Expired}, {"dead_lettered", l.DeadLettered}, {"handed_back", l.HandedBack},
	}
}

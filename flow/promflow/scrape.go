package promflow

import (
	"maps"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
)

// scrape makes the metrics of one run.
type scrape struct {
	to   chan<- prometheus.Metric
	flow string
}

// labels after flow.
var (
	ofStage = []string{"flow", "stage"}
	ofEdge  = []string{"flow", "from", "to"}
	ofLayer = []string{"flow", "stage", "layer"}
)

func (s *scrape) send(kind prometheus.ValueType, name, help string, labels []string, v float64, values ...string) {
	d := prometheus.NewDesc("weir_"+name, help, labels, nil)
	s.to <- prometheus.MustNewConstMetric(d, kind, v, append([]string{s.flow}, values...)...)
}

func (s *scrape) counter(name, help string, labels []string, v float64, values ...string) {
	s.send(prometheus.CounterValue, name, help, labels, v, values...)
}

func (s *scrape) gauge(name, help string, labels []string, v float64, values ...string) {
	s.send(prometheus.GaugeValue, name, help, labels, v, values...)
}

func number(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

func (s *scrape) run(st flow.Status) {
	of := []string{"flow"}
	s.gauge("run_ready", "Whether the run takes items in.", of, number(st.State == flow.Running))
	s.gauge("run_ended", "Whether the run has ended.", of, number(st.State == flow.Ended))
	s.gauge("run_elapsed_seconds", "Time since the run started, until it ended.", of, st.ElapsedSeconds)
	for _, stage := range st.Stages {
		s.items(stage)
		s.effort(stage)
		s.source(stage)
		for _, l := range stage.Layers {
			s.layer(stage.Name, l)
		}
	}
	s.edges(st.Edges)
}

func (s *scrape) items(st flow.StageStatus) {
	l := st.Ledger
	s.counter("items_in_total", "Items that came to the stage; of a source, items that it brought.", ofStage, float64(l.In), st.Name)
	s.counter("items_derived_total", "Items that the stage made beside those that came.", ofStage, float64(l.Derived), st.Name)
	s.counter("items_recovered_total", "Failed items that the stage took up.", ofStage, float64(l.Recovered), st.Name)
	for _, o := range outcomes(l) {
		s.counter("items_total", "What became of the items of the stage.", []string{"flow", "stage", "outcome"}, float64(o.n), st.Name, o.name)
	}
	s.gauge("items_inside", "Items that came and are not accounted for.", ofStage, float64(st.Inside), st.Name)
}

type outcome struct {
	name string
	n    int64
}

func outcomes(l stages.Ledger) []outcome {
	return []outcome{
		{"out", l.Out}, {"folded", l.Folded}, {"filtered", l.Filtered}, {"failed", l.Failed}, {"shed", l.Shed},
		{"expired", l.Expired}, {"dead_lettered", l.DeadLettered}, {"handed_back", l.HandedBack},
	}
}

func (s *scrape) effort(st flow.StageStatus) {
	s.counter("calls_total", "Calls of the function of the stage.", ofStage, float64(st.CallsTotal), st.Name)
	s.gauge("calls_active", "Calls of the function that are being made.", ofStage, float64(st.Calls), st.Name)
	s.counter("wait_seconds_total", "Time that items waited for the stage.", ofStage, st.WaitSeconds, st.Name)
	s.counter("work_seconds_total", "Time that the stage worked on items.", ofStage, st.WorkSeconds, st.Name)
	s.gauge("longest_work_seconds", "Longest work on one item.", ofStage, st.LongestSeconds, st.Name)
	if st.Workers > 0 {
		s.gauge("workers", "Goroutines that call the function of the stage.", ofStage, float64(st.Workers), st.Name)
	}
}

func (s *scrape) source(st flow.StageStatus) {
	if st.Kind != "source" {
		return
	}
	s.gauge("source_paused", "Whether the source is paused.", ofStage, number(st.Paused), st.Name)
	h := st.Health
	if h == nil {
		return
	}
	s.gauge("source_unsettled", "Values that the source has handed out and that are not acknowledged.", ofStage, float64(h.Unsettled), st.Name)
	s.counter("source_reconnects_total", "Lost connections of the source.", ofStage, float64(h.ReconnectsTotal), st.Name)
	if h.Lag != nil {
		s.gauge("source_lag", "Values that wait in the queue.", ofStage, float64(*h.Lag), st.Name)
	}
}

func (s *scrape) layer(stage string, l flow.LayerStatus) {
	for _, figure := range slices.Sorted(maps.Keys(l.Figures)) {
		name, help := plain(l.Kind)+"_"+plain(figure), "Figure "+figure+" of a "+l.Kind+"."
		if strings.HasSuffix(figure, "_total") {
			s.counter(name, help, ofLayer, l.Figures[figure], stage, l.Layer)
		} else {
			s.gauge(name, help, ofLayer, l.Figures[figure], stage, l.Layer)
		}
	}
}

// plain returns a name as a part of the name of a metric.
func plain(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '_' {
			return r
		}
		return '_'
	}, strings.ToLower(name))
}

// edges adds up edges between the same stages.
func (s *scrape) edges(all []flow.EdgeStatus) {
	sums := map[[2]string]flow.EdgeStatus{}
	for _, e := range all {
		at := [2]string{e.From, e.To}
		sum := sums[at]
		sum.Items += e.Items
		sum.Capacity += e.Capacity
		sum.FullSeconds += e.FullSeconds
		sum.EmptySeconds += e.EmptySeconds
		sums[at] = sum
	}
	for at, e := range sums {
		s.gauge("edge_items", "Items on the edge.", ofEdge, float64(e.Items), at[0], at[1])
		s.gauge("edge_capacity", "Items that the edge has room for.", ofEdge, float64(e.Capacity), at[0], at[1])
		s.counter("edge_full_seconds_total", "Time that the sender was blocked because the edge was full.", ofEdge, e.FullSeconds, at[0], at[1])
		s.counter("edge_empty_seconds_total", "Time that the receiver was blocked because the edge was empty.", ofEdge, e.EmptySeconds, at[0], at[1])
	}
}

package flow

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/stages"
)

// State returns what the run is doing.
func (r *Run) State() State {
	select {
	case <-r.ended:
		return Ended
	default:
	}
	switch {
	case r.kernel.Aborted():
		return Aborting
	case r.kernel.Stopping():
		return Draining
	}
	return Running
}

// Status returns the run at this moment. It may be called at any time, from any goroutine, and
// costs what [Run.Snapshot] does: some microseconds, and the items nothing.
func (r *Run) Status() Status {
	state := r.State() // read before the figures: those of a run that has ended are the final ones
	rep, err := r.account(state)
	s := Status{
		Flow: r.name, State: state, Started: rep.Started, Taken: time.Now(),
		ElapsedSeconds: rep.Elapsed.Seconds(), Ledger: rep.Ledger, Inside: rep.Ledger.Balance(),
		Stages: make([]StageStatus, len(rep.Stages)), Edges: make([]EdgeStatus, len(rep.Edges)),
		DrainLimitSeconds: r.drain.Seconds(),
	}
	if err != nil {
		s.Error = err.Error()
	}
	for i, n := range r.kernel.Nodes() {
		s.Stages[i] = r.stageStatus(i, n, rep.Stages[i])
	}
	for i, e := range rep.Edges {
		s.Edges[i] = EdgeStatus{
			From: e.From, To: e.To, Items: e.Depth, Capacity: e.Bound, Fused: e.Fused, Blocked: e.Blocked,
			FullSeconds: e.Full.Seconds(), EmptySeconds: e.Empty.Seconds(),
		}
	}
	for _, b := range rep.Busy {
		s.Busy = append(s.Busy, BusyStatus(b))
	}
	return s
}

// account returns the report as of now, with the busy stages, and why the run ends or has ended.
func (r *Run) account(state State) (*Report, error) {
	if state == Ended {
		return r.report, r.err
	}
	rep := r.Snapshot()
	if state != Running {
		rep.Busy = r.busy()
	}
	if state == Aborting {
		return rep, context.Cause(r.kernel.Ctx)
	}
	return rep, r.kernel.Err()
}

func (r *Run) stageStatus(i int, n *kernel.Node, rep StageReport) StageStatus {
	s := StageStatus{
		Name: rep.Name, Kind: "stage", Function: n.Function(), Ledger: rep.Ledger, Inside: rep.Ledger.Balance(),
		Calls: n.Calls(), CallsTotal: rep.Effort.Attempts,
		WaitSeconds: rep.Effort.Wait.Seconds(), WorkSeconds: rep.Effort.Work.Seconds(), LongestSeconds: rep.Effort.Longest.Seconds(),
		Workers: rep.Workers, Paused: rep.Paused, Ended: n.Ended(), Layers: layersOf(rep.Layers),
	}
	s.Wait, s.Work, s.Age = distributionOf(rep.Wait), distributionOf(rep.Work), distributionOf(rep.Age)
	if rep.Health != nil {
		s.Health = healthOf(*rep.Health)
	}
	switch {
	case n.IsSource():
		s.Kind = "source"
	case n.IsSink():
		s.Kind = "sink"
	}
	if i < len(r.graph.nodes) { // not for the sink outside of the graph
		if d, ok := r.graph.nodes[i].what.(stages.Describer); ok {
			s.Detail = d.Describe()
		}
	}
	return s
}

func distributionOf(d *Distribution) *DistributionStatus {
	if d == nil {
		return nil
	}
	return &DistributionStatus{
		Count: d.Count(), SumSeconds: d.Sum().Seconds(), P50Seconds: d.Quantile(0.5).Seconds(),
		P90Seconds: d.Quantile(0.9).Seconds(), P99Seconds: d.Quantile(0.99).Seconds(),
	}
}

func healthOf(h stages.Health) *HealthStatus {
	s := &HealthStatus{Unsettled: h.Unsettled, ReconnectsTotal: h.Reconnects}
	if h.Lag >= 0 {
		s.Lag = &h.Lag
	}
	if h.Err != nil {
		s.Error, s.ErrorAt = h.Err.Error(), &h.At
	}
	return s
}

// layersOf returns the views of the parts of a stage.
func layersOf(parts []any) (all []LayerStatus) {
	used := map[string]int{}
	for _, part := range parts {
		l := layerOf(part)
		l.Layer = l.Kind
		if l.Name != "" {
			l.Layer = l.Name
		}
		if used[l.Layer]++; used[l.Layer] > 1 {
			l.Layer = fmt.Sprintf("%s-%d", l.Layer, used[l.Layer])
		}
		all = append(all, l)
	}
	return all
}

func layerOf(part any) LayerStatus {
	l := LayerStatus{Kind: "layer", Figures: map[string]float64{}}
	if f, ok := part.(stages.Figures); ok {
		for name, v := range f.Figures() {
			if !math.IsNaN(v) && !math.IsInf(v, 0) {
				l.Figures[name] = v
			}
		}
	}
	if t, ok := part.(stages.Labels); ok {
		for name, text := range t.Labels() {
			switch name {
			case "kind":
				l.Kind = text
			case "name":
				l.Name = text
			case "state":
				l.State = text
			}
		}
	}
	return l
}

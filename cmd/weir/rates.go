package main

import (
	"fmt"
	"strings"

	"github.com/weir-go/weir/flow"
)

// view is what two snapshots of a flow tell.
type view struct {
	status  flow.Status
	in, out float64 // per second
	stages  []stageView
	edges   []edgeView
	begins  []string // stages at which backpressure begins
}

type stageView struct {
	name, kind     string
	in, out        float64 // per second
	busy, held     float64 // percent
	inside, failed int64
	workers        int
	layers         string
}

type edgeView struct {
	from, to        string
	items, capacity int
	full            float64 // percent
}

// congested is the share of time from which on an edge counts as full.
const congested = 10

// viewOf makes a view of two snapshots of a flow.
func viewOf(before, now flow.Status) view {
	d := now.ElapsedSeconds - before.ElapsedSeconds
	rate := func(was, is int64) float64 {
		if d <= 0 {
			return 0
		}
		return max(0, float64(is-was)/d)
	}
	share := func(seconds float64) float64 {
		if d <= 0 {
			return 0
		}
		return min(100, max(0, 100*seconds/d))
	}
	v := view{status: now, in: rate(before.Ledger.In, now.Ledger.In), out: rate(before.Ledger.Out, now.Ledger.Out)}
	held, fed := map[string]float64{}, map[string]float64{}
	for i, e := range now.Edges {
		full := share(e.FullSeconds - before.Edges[i].FullSeconds)
		held[e.From], fed[e.To] = max(held[e.From], full), max(fed[e.To], full)
		v.edges = append(v.edges, edgeView{e.From, e.To, e.Items, e.Capacity, full})
	}
	for i, s := range now.Stages {
		was, workers := before.Stages[i], float64(max(1, s.Workers))
		busy := share((s.WorkSeconds - was.WorkSeconds) / workers)
		if s.CallsTotal == was.CallsTotal && !s.Ended { // calls that take longer than a look
			busy = max(busy, min(100, 100*float64(s.Calls)/workers))
		}
		v.stages = append(v.stages, stageView{
			name: s.Name, kind: s.Kind, in: rate(was.Ledger.In, s.Ledger.In), out: rate(was.Ledger.Out, s.Ledger.Out),
			busy: busy, held: min(held[s.Name], 100-busy), inside: s.Inside, failed: s.Ledger.Failed, workers: s.Workers, layers: layersOf(s.Layers),
		})
		if fed[s.Name] >= congested && held[s.Name] < congested {
			v.begins = append(v.begins, s.Name)
		}
	}
	return v
}

// layersOf says what counts of each layer.
func layersOf(all []flow.LayerStatus) string {
	parts := make([]string, len(all))
	for i, l := range all {
		f := l.Figures
		switch l.Kind {
		case "guard":
			parts[i] = fmt.Sprintf("guard %.0f/%.0f", f["in_use"], f["capacity"])
		case "retry":
			parts[i] = fmt.Sprintf("retry %.0f asleep", f["asleep"])
		case "dedup":
			found := f["hits_total"] + f["shared_total"]
			parts[i] = fmt.Sprintf("dedup %.0f%% hits", 100*found/max(1, found+f["misses_total"]))
		case "limiter":
			parts[i] = fmt.Sprintf("limiter %.0f waiting", f["waiting"])
		default:
			parts[i] = strings.TrimSpace(l.Kind + " " + l.State)
		}
	}
	return strings.Join(parts, ", ")
}

package live

import (
	"math"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
)

// frame is what the page shows at one moment. Shares are percentages of the last three
// seconds, from 0 to 100. Rates are per second.
type frame struct {
	At       int64             `json:"at"` // Unix milliseconds
	State    flow.State        `json:"state"`
	Error    string            `json:"error,omitempty"`
	Elapsed  float64           `json:"elapsed"`            // seconds
	Draining float64           `json:"draining,omitempty"` // seconds since the drain began
	Limit    float64           `json:"limit,omitempty"`    // seconds that the drain may last; 0 for no limit
	Busy     []flow.BusyStatus `json:"busy,omitempty"`
	Ledger   stages.Ledger     `json:"ledger"`
	Inside   int64             `json:"inside"`
	In       float64           `json:"in"`
	Out      float64           `json:"out"`
	Lost     float64           `json:"lost"` // failed, shed, expired or dead-lettered
	Age      *float64          `json:"age"`  // mean time inside in seconds; nil if no item left
	P50      *float64          `json:"p50"`  // of the age at sinks in seconds; nil if it is not known
	P99      *float64          `json:"p99"`
	Nodes    []nodeFrame       `json:"nodes"`
	Edges    []edgeFrame       `json:"edges"`
	Begins   []int             `json:"begins"` // nodes at which backpressure begins
}

// nodeFrame is a stage in a [frame].
type nodeFrame struct {
	In      float64       `json:"in"`
	Out     float64       `json:"out"`
	Busy    float64       `json:"busy"`
	Wait    float64       `json:"wait"`
	Held    float64       `json:"held"`
	Workers int           `json:"workers"`
	Calls   int           `json:"calls"`
	Inside  int64         `json:"inside"`
	Mean    float64       `json:"mean"`    // of a call, in seconds
	Longest float64       `json:"longest"` // call, in seconds
	Ledger  stages.Ledger `json:"ledger"`
	Paused  bool          `json:"paused,omitempty"`
	Ended   bool          `json:"ended,omitempty"`
	Layers  []layerFrame  `json:"layers,omitempty"`
	// Waits, Works and Ages are percentiles since the start; nil without flow.Distributions.
	Waits *percentiles `json:"waits,omitempty"`
	Works *percentiles `json:"works,omitempty"`
	Ages  *percentiles `json:"ages,omitempty"` // of sinks
}

// percentiles are the 50th, 90th and 99th percentile, in seconds.
type percentiles [3]float64

func percentilesOf(d *flow.DistributionStatus) *percentiles {
	if d == nil || d.Count == 0 {
		return nil
	}
	return &percentiles{d.P50Seconds, d.P90Seconds, d.P99Seconds}
}

// edgeFrame is an edge in a [frame].
type edgeFrame struct {
	Items    int     `json:"items"`
	Capacity int     `json:"capacity"`
	Full     float64 `json:"full"`
	Fused    bool    `json:"fused,omitempty"`
	Blocked  bool    `json:"blocked,omitempty"`
}

// span is the time between two snapshots.
type span struct{ seconds float64 }

// rate returns the growth of a counter per second.
func (s span) rate(before, now int64) float64 {
	if s.seconds <= 0 {
		return 0
	}
	return tenth(max(0, float64(now-before)/s.seconds))
}

// share returns the percentage of the time in which a counter of seconds has grown.
func (s span) share(before, now float64) float64 {
	if s.seconds <= 0 {
		return 0
	}
	return min(100, max(0, 100*(now-before)/s.seconds))
}

func tenth(v float64) float64 { return math.Round(10*v) / 10 }

// frameOf makes a frame of two snapshots of a run. The shares are relative to a third, older
// snapshot: in one second a share changes too much to be readable.
func frameOf(older, before, now flow.Status) frame {
	d := span{now.ElapsedSeconds - before.ElapsedSeconds}
	f := frame{
		At: now.Taken.UnixMilli(), State: now.State, Error: now.Error, Elapsed: now.ElapsedSeconds, Busy: now.Busy,
		Limit:  now.DrainLimitSeconds,
		Ledger: now.Ledger, Inside: now.Inside,
		In: d.rate(before.Ledger.In, now.Ledger.In), Out: d.rate(before.Ledger.Out, now.Ledger.Out),
		Lost:  d.rate(lost(before.Ledger), lost(now.Ledger)),
		Nodes: make([]nodeFrame, len(now.Stages)), Edges: make([]edgeFrame, len(now.Edges)),
	}
	long := span{now.ElapsedSeconds - older.ElapsedSeconds}
	for i, e := range now.Edges {
		f.Edges[i] = edgeFrame{
			Items: e.Items, Capacity: e.Capacity, Fused: e.Fused, Blocked: e.Blocked,
			Full: tenth(long.share(older.Edges[i].FullSeconds, e.FullSeconds)),
		}
	}
	ways := waysOf(now)
	for i, s := range now.Stages {
		f.Nodes[i] = d.node(before.Stages[i], s)
		long.split(&f.Nodes[i], older, now, i, ways[i])
	}
	f.Begins = begins(f, ways)
	return f
}

// age returns the mean time inside over the snapshots, which are in order. It is nil if no item
// left.
func age(all []flow.Status) *float64 {
	if len(all) < 2 {
		return nil
	}
	first, last := all[0], all[len(all)-1]
	d := span{last.ElapsedSeconds - first.ElapsedSeconds}
	left := d.rate(came(first.Ledger)-first.Inside, came(last.Ledger)-last.Inside)
	if left <= 0 {
		return nil
	}
	inside := 0.0
	for _, s := range all {
		inside += float64(s.Inside)
	}
	seconds := inside / float64(len(all)) / left
	return &seconds
}

func came(l stages.Ledger) int64 { return l.In + l.Derived + l.Recovered }

// lost returns the number of items that failed or were put aside, and were not recovered.
func lost(l stages.Ledger) int64 { return l.Failed + l.Shed + l.Expired + l.DeadLettered - l.Recovered }

// node returns the figures of a stage, without the shares.
func (d span) node(before, now flow.StageStatus) nodeFrame {
	n := nodeFrame{
		In: d.rate(before.Ledger.In, now.Ledger.In), Out: d.rate(before.Ledger.Out, now.Ledger.Out),
		Workers: now.Workers, Calls: now.Calls, Inside: now.Inside, Longest: now.LongestSeconds,
		Ledger: now.Ledger, Paused: now.Paused, Ended: now.Ended,
		Waits: percentilesOf(now.Wait), Works: percentilesOf(now.Work), Ages: percentilesOf(now.Age),
	}
	calls, work := now.CallsTotal-before.CallsTotal, now.WorkSeconds-before.WorkSeconds
	if calls <= 0 {
		calls, work = now.CallsTotal, now.WorkSeconds
	}
	if calls > 0 {
		n.Mean = work / float64(calls)
	}
	for i, l := range now.Layers {
		var was flow.LayerStatus
		if i < len(before.Layers) {
			was = before.Layers[i]
		}
		n.Layers = append(n.Layers, layerOf(was, l))
	}
	return n
}

// split sets the shares of time of a stage. The three shares add up to at most 100. The rest is
// time in the stage itself, such as that of items that wait in a layer.
func (d span) split(n *nodeFrame, before, now flow.Status, i int, w ways) {
	s, was := now.Stages[i], before.Stages[i]
	workers := float64(max(1, s.Workers))
	n.Busy = d.share(was.WorkSeconds/workers, s.WorkSeconds/workers)
	if s.CallsTotal == was.CallsTotal && !s.Ended { // calls that take longer than a frame
		n.Busy = max(n.Busy, min(100, 100*float64(s.Calls)/workers))
	}
	for _, e := range w.out {
		n.Held = max(n.Held, d.share(before.Edges[e].FullSeconds, now.Edges[e].FullSeconds))
	}
	for _, e := range w.in {
		n.Wait = max(n.Wait, d.share(before.Edges[e].EmptySeconds, now.Edges[e].EmptySeconds))
	}
	n.Held = min(n.Held, 100-n.Busy)
	n.Wait = min(n.Wait, 100-n.Busy-n.Held)
	n.Busy, n.Held, n.Wait = tenth(n.Busy), tenth(n.Held), tenth(n.Wait)
}

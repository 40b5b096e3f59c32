package live

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
)

// line is the status of "in" > "work" > "out" after so many seconds, without figures.
func line(seconds float64) flow.Status {
	return flow.Status{
		State: flow.Running, ElapsedSeconds: seconds, Taken: time.UnixMilli(int64(seconds * 1000)),
		Stages: []flow.StageStatus{{Name: "in", Kind: "source"}, {Name: "work", Kind: "stage", Workers: 4}, {Name: "out", Kind: "sink"}},
		Edges:  []flow.EdgeStatus{{From: "in", To: "work", Capacity: 256}, {From: "work", To: "out", Capacity: 256}},
	}
}

func frameBetween(before, now flow.Status) frame { return frameOf(before, before, now) }

func TestRatesAndSharesAreDifferences(t *testing.T) {
	before, now := line(10), line(12)
	before.Stages[1] = flow.StageStatus{Name: "work", Workers: 4, CallsTotal: 100, WorkSeconds: 50, Ledger: stages.Ledger{In: 1000, Out: 900}}
	now.Stages[1] = flow.StageStatus{Name: "work", Workers: 4, CallsTotal: 140, WorkSeconds: 54, Ledger: stages.Ledger{In: 1100, Out: 960}}
	before.Edges[0].EmptySeconds, now.Edges[0].EmptySeconds = 1, 1.5
	before.Edges[1].FullSeconds, now.Edges[1].FullSeconds = 3, 3.4
	f := frameBetween(before, now)
	n := f.Nodes[1]
	require.Equal(t, 50.0, n.In, "100 in two seconds")
	require.Equal(t, 30.0, n.Out)
	require.Equal(t, 50.0, n.Busy, "4 of 8 seconds of work")
	require.Equal(t, 20.0, n.Held)
	require.Equal(t, 25.0, n.Wait)
	require.InDelta(t, 0.1, n.Mean, 1e-9, "4 seconds in 40 calls")
	require.Equal(t, 20.0, f.Edges[1].Full)
}

// The fault: a stage whose calls take longer than a frame seemed to do nothing.
func TestALongCallIsBusy(t *testing.T) {
	before, now := line(10), line(11)
	now.Stages[1].Calls = 3
	require.Equal(t, 75.0, frameBetween(before, now).Nodes[1].Busy)
	now.Stages[1].Ended = true
	require.Zero(t, frameBetween(before, now).Nodes[1].Busy)
}

func TestSharesAddUpToAtMostAll(t *testing.T) {
	before, now := line(10), line(11)
	now.Stages[1].WorkSeconds, now.Stages[1].CallsTotal = 3, 1
	now.Edges[0].EmptySeconds, now.Edges[1].FullSeconds = 1.2, 0.5
	n := frameBetween(before, now).Nodes[1]
	require.Equal(t, []float64{75, 25, 0}, []float64{n.Busy, n.Held, n.Wait})
}

func TestBackpressureBeginsBelowTheLastFullEdge(t *testing.T) {
	for name, tt := range map[string]struct {
		full   [2]float64
		begins []int
	}{
		"nowhere":         {[2]float64{0, 0}, []int{}},
		"give and take":   {[2]float64{0.05, 0.05}, []int{}},
		"at the stage":    {[2]float64{1, 0}, []int{1}},
		"at the sink":     {[2]float64{1, 0.9}, []int{2}},
		"behind the sink": {[2]float64{0, 0.9}, []int{2}},
	} {
		t.Run(name, func(t *testing.T) {
			before, now := line(10), line(11)
			for i := range now.Edges {
				now.Edges[i].FullSeconds = tt.full[i]
			}
			require.Equal(t, tt.begins, frameBetween(before, now).Begins)
		})
	}
}

// JSON has no NaN: two snapshots at the same time, or of an empty run, must not make one.
func TestAFrameIsAlwaysJSON(t *testing.T) {
	for _, now := range []flow.Status{line(10), line(9), {}} {
		before := line(10)
		if now.Stages == nil {
			before = flow.Status{}
		}
		_, err := json.Marshal(frameBetween(before, now))
		require.NoError(t, err)
		require.NotContains(t, string(event("frame", frameBetween(before, now))), "event: fault")
	}
}

// Little's law: 200 inside and 100 a second that leave are two seconds.
func TestMeanTimeInside(t *testing.T) {
	require.Nil(t, age(nil))
	var all []flow.Status
	for i := range 5 {
		s := line(float64(i))
		s.Ledger, s.Inside = stages.Ledger{In: int64(200 + 100*i), Out: int64(100 * i)}, 200
		all = append(all, s)
	}
	require.InDelta(t, 2.0, *age(all), 1e-9)
	all[4].Ledger, all[0].Ledger = stages.Ledger{}, stages.Ledger{}
	require.Nil(t, age(all), "no item left")
}

func TestLayersSayWhatCounts(t *testing.T) {
	layer := func(kind, state string, figures map[string]float64) flow.LayerStatus {
		return flow.LayerStatus{Kind: kind, State: state, Figures: figures}
	}
	for name, tt := range map[string]struct {
		before, now        flow.LayerStatus
		short, level, text string
	}{
		"guard":             {now: layer("guard", "", map[string]float64{"in_use": 12, "capacity": 64}), short: "12/64", text: "12 of 64 in use"},
		"guard is full":     {now: layer("guard", "", map[string]float64{"in_use": 64, "capacity": 64, "waiting": 3}), short: "64/64", level: "warn", text: "3 waiting"},
		"guard sheds":       {layer("guard", "", map[string]float64{"shed_total": 1}), layer("guard", "", map[string]float64{"capacity": 9, "shed_total": 2}), "0/9", "bad", "2 shed"},
		"breaker":           {now: layer("breaker", "closed", nil), short: "closed", text: "0 failures in a row"},
		"breaker is open":   {now: layer("breaker", "open", map[string]float64{"failures": 1, "retry_after_seconds": 3.21}), short: "open", level: "bad", text: "1 failure in a row, 0 rejected, next probe in 3.2s"},
		"breaker probes":    {now: layer("breaker", "half-open", nil), short: "half-open", level: "warn", text: "half-open"},
		"retry":             {now: layer("retry", "", map[string]float64{"asleep": 2, "retries_total": 1}), short: "2 asleep", level: "warn", text: "2 asleep, 1 retry, 0 given up"},
		"retry gives up":    {layer("retry", "", map[string]float64{"gave_up_total": 1}), layer("retry", "", map[string]float64{"gave_up_total": 2}), "gave up", "bad", "2 given up"},
		"dedup":             {now: layer("dedup", "", map[string]float64{"hits_total": 2, "shared_total": 1, "misses_total": 1}), short: "75% hits", text: "1 shared a call, 2 found a result, 1 led"},
		"limiter":           {now: layer("limiter", "", map[string]float64{"units_per_second": 12.5, "waiting": 1}), short: "12.5/s", level: "warn", text: "1 waiting"},
		"limiter is paused": {now: layer("limiter", "", map[string]float64{"paused_seconds": 1}), short: "0/s", level: "bad", text: "paused"},
		"one of your own":   {now: layer("layer", "", map[string]float64{"b_total": 1, "a": 0.5}), text: "a 0.5, b total 1"},
	} {
		t.Run(name, func(t *testing.T) {
			l := layerOf(tt.before, tt.now)
			require.Equal(t, tt.short, l.Short)
			require.Equal(t, tt.level, l.Level)
			require.Contains(t, l.Text, tt.text)
		})
	}
}

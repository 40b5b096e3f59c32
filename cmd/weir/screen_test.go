package main

import (
	"errors"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
)

// line is a flow "in" > "work" after so many seconds.
func line(seconds float64) flow.Status {
	return flow.Status{
		Flow: "night", State: flow.Running, Started: time.Unix(1, 0), ElapsedSeconds: seconds,
		Stages: []flow.StageStatus{{Name: "in", Kind: "source"}, {Name: "work", Kind: "sink", Workers: 2}},
		Edges:  []flow.EdgeStatus{{From: "in", To: "work", Items: 8, Capacity: 8}},
	}
}

func TestAViewIsADifference(t *testing.T) {
	before, now := line(10), line(12)
	now.Ledger = stages.Ledger{In: 100}
	now.Stages[1].WorkSeconds, now.Stages[1].CallsTotal, now.Stages[1].Ledger = 3, 50, stages.Ledger{In: 50, Out: 40}
	now.Edges[0].FullSeconds = 1
	v := viewOf(before, now)
	require.Equal(t, 50.0, v.in)
	require.Equal(t, 75.0, v.stages[1].busy, "3 of 4 seconds of work")
	require.Equal(t, 25.0, v.stages[1].in)
	require.Equal(t, 50.0, v.stages[0].held)
	require.Equal(t, []string{"work"}, v.begins)

	v = viewOf(now, now)
	require.Zero(t, v.in, "no time has passed")
	require.Zero(t, v.edges[0].full)
}

func TestALongCallIsBusy(t *testing.T) {
	before, now := line(10), line(11)
	now.Stages[1].Calls = 1
	require.Equal(t, 50.0, viewOf(before, now).stages[1].busy)
}

func TestLayersSayWhatCounts(t *testing.T) {
	require.Equal(t, "guard 3/8, dedup 75% hits, breaker open, retry 2 asleep, limiter 1 waiting", layersOf([]flow.LayerStatus{
		{Kind: "guard", Figures: map[string]float64{"in_use": 3, "capacity": 8}},
		{Kind: "dedup", Figures: map[string]float64{"hits_total": 2, "shared_total": 1, "misses_total": 1}},
		{Kind: "breaker", State: "open"},
		{Kind: "retry", Figures: map[string]float64{"asleep": 2}},
		{Kind: "limiter", Figures: map[string]float64{"waiting": 1}},
	}))
}

func shown(m tea.Model) string { return ansi.Strip(m.View().Content) }

func TestTheScreenShowsTheFlow(t *testing.T) {
	before, now := line(10), line(11)
	now.Edges[0].FullSeconds, now.Stages[1].Ledger.Failed = 0.8, 7
	var m tea.Model = screen{command: topCommand{Every: time.Second}, view: viewOf(before, before)}
	m, wait := m.Update(looked{view: viewOf(before, now)})
	require.NotNil(t, wait, "the next look")
	m, _ = m.Update(tea.WindowSizeMsg{Width: 100, Height: 30})
	text := shown(m)
	require.Contains(t, text, "night  ● running  up 11s")
	require.Contains(t, text, "▲ backpressure begins at work")
	require.Regexp(t, `in > work +8/8 +████████░░ +80%`, text)
	require.Regexp(t, `work .* 7 `, text)
	for _, line := range strings.Split(text, "\n") {
		require.LessOrEqual(t, len([]rune(line)), 100)
	}

	m, _ = m.Update(looked{err: errors.New("gone")})
	require.Contains(t, shown(m), "✕ no answer: gone")
	require.Contains(t, shown(m), "8/8", "the last figures stay")
	m, _ = m.Update(tea.WindowSizeMsg{Width: 100, Height: 5})
	require.Len(t, strings.Split(shown(m), "\n"), 5)
	require.Contains(t, shown(m), "more lines")

	_, quit := m.Update(tea.KeyPressMsg{Code: 'q', Text: "q"})
	require.Equal(t, tea.QuitMsg{}, quit())
}

func TestTheScreenEndsAfterItsLooks(t *testing.T) {
	m := screen{command: topCommand{Count: 1}}
	_, quit := m.Update(looked{view: viewOf(line(1), line(2))})
	require.Equal(t, tea.QuitMsg{}, quit())
}

// At 80 columns, which most terminals have, cells were cut off and layers took a line a word. At 40 they took a
// line a character, and filled the screen.
func TestTheScreenIsReadableInANarrowTerminal(t *testing.T) {
	s := line(10)
	s.Stages[1].Layers = []flow.LayerStatus{{Kind: "breaker", State: "open"}, {Kind: "retry", Figures: map[string]float64{"asleep": 2}}}
	s.Stages[1].Ledger.Failed = 12345
	for width, want := range map[int][]string{
		100: {"STAGE IN/S OUT/S BUSY HELD WORKERS INSIDE FAILED LAYERS", "work 0.0 0.0 ░░░░░░░░░░ 0% 0% 2 0 12345 breaker open, retry 2 asleep", "in > work 8/8 ░░░░░░░░░░ 0%"},
		80:  {"STAGE IN/S OUT/S BUSY HELD WORKERS INSIDE FAILED", "work 0.0 0.0 ░░░░░░░░░░ 0% 0% 2 0 12345", "work: breaker open, retry 2 asleep", "in > work 8/8 ░░░░░░░░░░ 0%"},
		40:  {"STAGE IN/S BUSY HELD FAILED", "work 0.0 0% 0% 12345", "work: breaker open, retry 2 asleep"},
	} {
		var m tea.Model = screen{view: viewOf(s, s)}
		m, _ = m.Update(tea.WindowSizeMsg{Width: width, Height: 24})
		var lines []string
		for _, l := range strings.Split(shown(m), "\n") {
			require.LessOrEqual(t, ansi.StringWidth(l), width, l)
			lines = append(lines, strings.Join(strings.Fields(l), " "))
		}
		require.Subset(t, lines, want, width)
		require.Less(t, len(lines), 14)
	}
}

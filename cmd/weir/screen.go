package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
	"charm.land/lipgloss/v2/table"

	"github.com/weir-go/weir/flow"
)

// screen is the table of weir top on a terminal.
type screen struct {
	command       topCommand
	ctx           context.Context
	view          view
	looks         int
	width, height int
	lost          error // the last look failed
	err           error // why the program ends
}

// looked is the result of a look.
type looked struct {
	view view
	err  error
}

// Init implements tea.Model.
func (m screen) Init() tea.Cmd { return m.wait() }

// wait takes the next look when it is due.
func (m screen) wait() tea.Cmd {
	return tea.Tick(m.command.Every, func(time.Time) tea.Msg {
		v, err := next(m.ctx, m.command.URL, m.view.status)
		return looked{v, err}
	})
}

// Update implements tea.Model.
func (m screen) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.KeyPressMsg:
		switch msg.String() {
		case "q", "esc", "ctrl+c":
			return m, tea.Quit
		}
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case looked:
		if m.lost = msg.err; m.lost == nil {
			m.view = msg.view
		}
		if m.looks++; m.looks == m.command.Count {
			return m, tea.Quit
		}
		return m, m.wait()
	}
	return m, nil
}

var (
	strong = lipgloss.NewStyle().Bold(true)
	faint  = lipgloss.NewStyle().Faint(true)
	amber  = lipgloss.NewStyle().Bold(true).Foreground(lipgloss.Yellow)
	red    = lipgloss.NewStyle().Bold(true).Foreground(lipgloss.Red)
	green  = lipgloss.NewStyle().Foreground(lipgloss.Green)
)

// View implements tea.Model.
func (m screen) View() tea.View {
	lines := strings.Split(m.text(), "\n")
	if m.height > 0 && len(lines) > m.height {
		lines = append(lines[:m.height-1], faint.Render(fmt.Sprintf("%d more lines", len(lines)-m.height+1)))
	}
	v := tea.NewView(strings.Join(lines, "\n"))
	v.AltScreen = true
	v.WindowTitle = "weir top " + m.view.status.Flow
	return v
}

// text is the whole content. State and shares are words and numbers, and colours only repeat them.
func (m screen) text() string {
	v := m.view
	state := green.Render("● " + string(v.status.State))
	if v.status.State != flow.Running {
		state = amber.Render("◐ " + string(v.status.State))
	}
	head := fmt.Sprintf("%s  %s  up %s   in %.1f/s   out %.1f/s   inside %d", strong.Render(v.status.Flow), state,
		(time.Duration(v.status.ElapsedSeconds) * time.Second).String(), v.in, v.out, v.status.Inside)
	parts := []string{head}
	if len(v.begins) > 0 {
		parts = append(parts, amber.Render("▲ backpressure begins at "+strings.Join(v.begins, ", ")))
	}
	if v.status.Error != "" {
		parts = append(parts, red.Render("✕ "+v.status.Error))
	}
	if m.lost != nil {
		parts = append(parts, red.Render("✕ no answer: "+m.lost.Error()))
	}
	for i := range parts {
		parts[i] = m.wrap(parts[i])
	}
	return strings.Join(append(append(parts, m.stages()...), m.edges(), faint.Render("q ends")), "\n")
}

// fits reports whether the terminal is wide enough.
func (m screen) fits(lines string) bool { return m.width == 0 || lipgloss.Width(lines) <= m.width }

// cut cuts lines to the width of the terminal.
func (m screen) cut(lines string) string {
	if m.fits(lines) {
		return lines
	}
	return lipgloss.NewStyle().MaxWidth(m.width).Render(lines)
}

// wrap divides a text into lines that fit.
func (m screen) wrap(text string) string {
	if m.fits(text) {
		return text
	}
	return lipgloss.NewStyle().Width(m.width).Render(text)
}

// stages has a table of the stages. Layers are below it if there is no room for their column.
func (m screen) stages() []string {
	all := []int{0, 1, 2, 3, 4, 5, 6, 7, 8}
	if t := m.stageTable(all, bar); m.fits(t) {
		return []string{t}
	}
	t := m.stageTable(all[:8], bar)
	if !m.fits(t) {
		t = m.stageTable([]int{0, 1, 3, 4, 7}, number)
	}
	parts := []string{m.cut(t)}
	for _, s := range m.view.stages {
		if s.layers != "" {
			parts = append(parts, m.wrap(s.name+": "+s.layers))
		}
	}
	return parts
}

// stageTable has some of the columns.
func (m screen) stageTable(columns []int, share func(float64) string) string {
	pick := func(cells ...string) (picked []string) {
		for _, c := range columns {
			picked = append(picked, cells[c])
		}
		return picked
	}
	rows := make([][]string, len(m.view.stages))
	for i, s := range m.view.stages {
		rows[i] = pick(s.name, fmt.Sprintf("%.1f", s.in), fmt.Sprintf("%.1f", s.out), share(s.busy), number(s.held),
			fmt.Sprint(s.workers), fmt.Sprint(s.inside), fmt.Sprint(s.failed), s.layers)
	}
	return m.table(pick("STAGE", "IN/S", "OUT/S", "BUSY", "HELD", "WORKERS", "INSIDE", "FAILED", "LAYERS"), rows, func(row, col int) lipgloss.Style {
		s := m.view.stages[row]
		switch col = columns[col]; {
		case col == 4 && s.held >= congested:
			return amber
		case col == 7 && s.failed > 0:
			return red
		case col == 0:
			return strong
		}
		return lipgloss.NewStyle()
	})
}

func (m screen) edges() string {
	if t := m.edgeTable(bar); m.fits(t) {
		return t
	}
	return m.cut(m.edgeTable(number))
}

func (m screen) edgeTable(share func(float64) string) string {
	rows := make([][]string, len(m.view.edges))
	for i, e := range m.view.edges {
		rows[i] = []string{e.from + " > " + e.to, fmt.Sprintf("%d/%d", e.items, e.capacity), share(e.full)}
	}
	return m.table([]string{"EDGE", "ITEMS", "FULL"}, rows, func(row, col int) lipgloss.Style {
		if col == 2 && m.view.edges[row].full >= congested {
			return amber
		}
		return lipgloss.NewStyle()
	})
}

func (m screen) table(headers []string, rows [][]string, style func(row, col int) lipgloss.Style) string {
	t := table.New().Headers(headers...).Rows(rows...).Border(lipgloss.NormalBorder()).BorderColumn(false).
		BorderLeft(false).BorderRight(false).BorderBottom(false).BorderStyle(faint).
		StyleFunc(func(row, col int) lipgloss.Style {
			s := faint
			if row != table.HeaderRow {
				s = style(row, col)
			}
			return s.PaddingRight(2)
		})
	return t.String()
}

func number(percent float64) string { return fmt.Sprintf("%.0f%%", percent) }

// bar shows a percentage as a bar and a number.
func bar(percent float64) string {
	full := int(percent+5) / 10
	return strings.Repeat("█", full) + strings.Repeat("░", 10-full) + fmt.Sprintf(" %3.0f%%", percent)
}

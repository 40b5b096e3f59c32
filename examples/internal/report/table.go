package report

import (
	"fmt"
	"io"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// Table is one table. A column is aligned to the right if the first row has a number or
// a duration in it.
type Table struct {
	Title   string
	Columns []string
	Rows    [][]any
}

// Write prints the table and an empty line after it, or nothing if it has no rows. It
// prints durations by [Duration], and all else as fmt.Print does. The error is the
// writer's.
func (t Table) Write(w io.Writer) error {
	if len(t.Rows) == 0 {
		return nil
	}
	// Spaces at the ends of lines would show in each diff of a saved report.
	out := table.NewWriter()
	out.SetStyle(plain())
	out.SuppressTrailingSpaces()
	out.AppendHeader(cells(t.Columns))
	for _, row := range t.Rows {
		out.AppendRow(cells(row))
	}
	out.SetColumnConfigs(alignment(t.Rows[0]))
	// The library would break the title to the width of the table.
	_, err := fmt.Fprintf(w, "%s\n%s\n\n", t.Title, out.Render())
	return err
}

// cells formats the durations: the library would print all their nanoseconds.
func cells[V any](values []V) table.Row {
	row := make(table.Row, len(values))
	for i, value := range values {
		row[i] = any(value)
		if d, ok := row[i].(time.Duration); ok {
			row[i] = Duration(d)
		}
	}
	return row
}

// alignment moves the columns with figures, and their headers, to the right, so that
// digits of the same weight stand under each other.
func alignment(row []any) []table.ColumnConfig {
	var configs []table.ColumnConfig
	for i, value := range row {
		switch value.(type) {
		case int, int64, uint64, float64, time.Duration:
			configs = append(configs, table.ColumnConfig{Number: i + 1, Align: text.AlignRight, AlignHeader: text.AlignRight})
		}
	}
	return configs
}

// plain has only a line under the header. The library would write headers in capitals.
func plain() table.Style {
	style := table.StyleLight
	style.Options = table.Options{SeparateHeader: true}
	style.Format.Header = text.FormatDefault
	style.Box.PaddingLeft = ""
	style.Box.PaddingRight = "  "
	return style
}

// Duration formats d with about three digits: 1.23ms, 45.6s, 2m3s.
func Duration(d time.Duration) string {
	unit := time.Duration(1)
	for limit := d.Abs(); limit/unit >= 1000; {
		unit *= 10
	}
	// From a minute on, tenths of a second would be false precision.
	if d.Abs() >= time.Minute {
		unit = time.Second
	}
	return d.Round(unit).String()
}

package chart

import (
	"fmt"
	"image/color"
	"io"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"

	"github.com/weir-go/weir/bench/load/internal/report"
)

const (
	panelWidth = 9 * vg.Centimeter
	height     = 8 * vg.Centimeter
	captioned  = 0.9 * vg.Centimeter
)

// inks are told apart by most colour-blind people (Okabe and Ito); the dashes
// tell them apart in print.
var inks = []struct {
	color  color.Color
	dashes []vg.Length
}{
	{color.RGBA{R: 0x00, G: 0x72, B: 0xB2, A: 0xFF}, nil},
	{color.RGBA{R: 0xD5, G: 0x5E, B: 0x00, A: 0xFF}, []vg.Length{vg.Points(6), vg.Points(2)}},
	{color.RGBA{R: 0x00, G: 0x9E, B: 0x73, A: 0xFF}, []vg.Length{vg.Points(2), vg.Points(2)}},
	{color.RGBA{R: 0xCC, G: 0x79, B: 0xA7, A: 0xFF}, []vg.Length{vg.Points(6), vg.Points(2), vg.Points(1), vg.Points(2)}},
}

var grey = color.Gray{Y: 0xE4}

// sheet draws a row of panels, one for each load, over a caption that says what
// they show, and where and when it was measured.
func sheet(w io.Writer, r report.Results, what string, panel func(*plot.Plot, report.Results, []report.Run) error) error {
	loads := r.Rates()
	if len(loads) == 0 {
		return fmt.Errorf("chart: there is nothing to draw")
	}
	row := make([]*plot.Plot, len(loads))
	for i, load := range loads {
		runs := r.At(load)
		row[i] = plot.New()
		row[i].Title.Text = fmt.Sprintf("%g x capacity (%.0f/s)", load, runs[0].Rate)
		row[i].Add(plotter.NewGrid())
		if err := panel(row[i], r, runs); err != nil {
			return err
		}
	}
	width := panelWidth * vg.Length(len(loads))
	canvas := vgsvg.New(width, height)
	all := draw.New(canvas)
	all.SetColor(color.White) // or the page shows through, which may be dark
	all.Fill(all.Rectangle.Path())
	style := row[0].X.Label.TextStyle
	style.Font.Size = vg.Points(8)
	all.FillText(style, vg.Point{X: width / 2, Y: vg.Points(10)}, what+"; "+r.Machine.String())
	tiles := draw.Tiles{Rows: 1, Cols: len(row), PadX: vg.Points(12), PadLeft: vg.Points(6), PadRight: vg.Points(10)}
	cells := plot.Align([][]*plot.Plot{row}, tiles, draw.Crop(all, 0, 0, captioned, -vg.Points(4)))
	for i, p := range row {
		p.Draw(cells[0][i])
	}
	_, err := canvas.WriteTo(w)
	return err
}

// add draws a line in the ink that the implementation has in all panels.
func add(p *plot.Plot, r report.Results, title string, points plotter.XYs) error {
	line, err := plotter.NewLine(points)
	if err != nil {
		return fmt.Errorf("chart: %s: %w", title, err)
	}
	ink := inks[slices.Index(r.Titles(), title)%len(inks)]
	line.Color, line.Dashes, line.Width = ink.color, ink.dashes, vg.Points(1.4)
	p.Add(line)
	p.Legend.Add(title, line)
	return nil
}

package promflow_test

import (
	"encoding/json"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"text/template"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow/promflow"
)

// drawn is a panel with the answers to its queries.
type drawn struct {
	panel
	Unit   string
	Times  []int64
	Series []line
}

// line is a series of a panel: a value for each time, nil if there is none.
type line struct {
	Name   string
	Values []*float64
}

// TestDashboardPicture draws the panels of the dashboard: WEIR_PICTURES=folder go test -run
// DashboardPicture. It needs Prometheus and Chromium. The docs show dashboard.png.
func TestDashboardPicture(t *testing.T) {
	folder := os.Getenv("WEIR_PICTURES")
	if folder == "" {
		t.Skip("WEIR_PICTURES is not set")
	}
	metrics := promflow.NewCollector()
	s := newServer(t, metrics)
	working(t, "orders", metrics)
	time.Sleep(80 * time.Second) // real time: what is drawn
	end := time.Now().Unix()
	var all []drawn
	for _, p := range panels(t) {
		all = append(all, s.drawn(t, p, end-60, end))
	}
	data, err := json.Marshal(all)
	require.NoError(t, err)
	vendored := func(name string) string {
		body, err := os.ReadFile(filepath.Join("../live/static/vendor", name))
		require.NoError(t, err)
		return string(body)
	}
	page := filepath.Join(t.TempDir(), "page.html")
	f, err := os.Create(page)
	require.NoError(t, err)
	require.NoError(t, template.Must(template.ParseFiles("testdata/picture.html")).Execute(f, map[string]string{
		"Style": vendored("uPlot.min.css"), "Script": vendored("uPlot.iife.min.js"), "Panels": string(data),
	}))
	require.NoError(t, f.Close())
	out, err := exec.Command("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=1472,2190",
		"--virtual-time-budget=5000", "--screenshot="+filepath.Join(folder, "dashboard.png"), "file://"+page).CombinedOutput()
	require.NoError(t, err, string(out))
}

// drawn asks the queries of a panel, a value a second.
func (s *server) drawn(t *testing.T, p panel, from, to int64) drawn {
	t.Helper()
	d := drawn{panel: p, Unit: p.FieldConfig.Defaults.Unit}
	for at := from; at <= to; at++ {
		d.Times = append(d.Times, at)
	}
	for _, target := range p.Targets {
		for _, one := range s.ask(t, "/api/v1/query_range", url.Values{
			"query": {asGrafana(target.Expr)}, "step": {"1"}, "start": {strconv.FormatInt(from, 10)}, "end": {strconv.FormatInt(to, 10)},
		}) {
			l := line{Name: target.LegendFormat, Values: make([]*float64, len(d.Times))}
			for label, value := range one.Metric {
				l.Name = strings.ReplaceAll(l.Name, "{{"+label+"}}", value)
			}
			for _, v := range one.Values {
				if n, err := strconv.ParseFloat(v[1].(string), 64); err == nil && n == n { //nolint:gocritic // NaN has no JSON
					l.Values[int64(v[0].(float64))-from] = &n
				}
			}
			d.Series = append(d.Series, l)
		}
	}
	return d
}

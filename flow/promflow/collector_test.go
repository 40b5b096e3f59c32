package promflow_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/flow/promflow"
	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/dedup"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/limiter"
	"github.com/weir-go/weir/primitives/retry"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/sink"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errSecret = errors.New("password hunter2 refused")

// numbers is a source that reports its health.
type numbers int

func (n numbers) Run(_ context.Context, out *stages.Outlet[int]) error {
	for v := range int(n) {
		if !out.Emit(v) {
			return nil
		}
	}
	return nil
}

func (n numbers) Health() stages.Health { return stages.Health{Unsettled: 3, Lag: 12, Reconnects: 1} }

// ran is a run with everything in it, which has ended. Of 10 items one fails.
func ran(t *testing.T, opts ...flow.RunOption) {
	t.Helper()
	_, err := flow.From(numbers(10), stages.Name("numbers")).
		Guard(guard.Limit(8, guard.Name("door"))).
		Dedup(dedup.Window(time.Minute), func(v int) int { return v }).
		RateLimit(limiter.PerSecond(1e6, limiter.Burst(100)), nil).
		Breaker(breaker.Consecutive("model", 100, time.Second)).
		Retry(retry.Constant(2, time.Millisecond)).
		Map("call", func(_ context.Context, v int) (int, error) {
			if v == 0 {
				return 0, errSecret
			}
			return v, nil
		}, stages.Workers(2)).
		DeadLetter(func(context.Context, *stages.ItemError) error { return nil }).
		To(sink.ForEach(func(context.Context, int) error { return nil }), stages.Name("store")).
		Run(t.Context(), append(opts, flow.Named("orders"))...)
	require.NoError(t, err)
}

// scrape asks a server for the metrics, as Prometheus does.
func scrape(t *testing.T, c prometheus.Collector) (map[string]*dto.MetricFamily, string) {
	t.Helper()
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(c)
	server := httptest.NewServer(promhttp.HandlerFor(reg, promhttp.HandlerOpts{ErrorHandling: promhttp.HTTPErrorOnError}))
	defer server.Close()
	defer http.DefaultClient.CloseIdleConnections()
	response, err := http.Get(server.URL)
	require.NoError(t, err)
	defer response.Body.Close()
	var text strings.Builder
	_, err = io.Copy(&text, response.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.StatusCode, text.String())
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text.String()))
	require.NoError(t, err)
	return families, text.String()
}

// value returns the value of the one series with the labels.
func value(t *testing.T, families map[string]*dto.MetricFamily, name string, labels map[string]string) float64 {
	t.Helper()
	require.Contains(t, families, name)
	for _, m := range families[name].Metric {
		same := len(m.Label) == len(labels)+1
		for _, l := range m.Label {
			same = same && (l.GetName() == "flow" && l.GetValue() == "orders" || labels[l.GetName()] == l.GetValue())
		}
		if same {
			return m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	require.Fail(t, "no such series", "%s %v", name, labels)
	return 0
}

func TestAScrapeShowsTheRun(t *testing.T) {
	metrics := promflow.NewCollector()
	ran(t, metrics.Watch(), flow.Distributions())
	families, text := scrape(t, metrics)
	type labels = map[string]string
	for _, tt := range []struct {
		name   string
		labels labels
		want   float64
	}{
		{"weir_run_ready", nil, 0},
		{"weir_run_ended", nil, 1},
		{"weir_items_in_total", labels{"stage": "call"}, 10},
		{"weir_items_total", labels{"stage": "call", "outcome": "out"}, 9},
		{"weir_items_total", labels{"stage": "call", "outcome": "failed"}, 1},
		{"weir_items_total", labels{"stage": "dead-letter", "outcome": "dead_lettered"}, 1},
		{"weir_items_inside", labels{"stage": "call"}, 0},
		{"weir_calls_total", labels{"stage": "call"}, 11},
		{"weir_workers", labels{"stage": "call"}, 2},
		{"weir_source_paused", labels{"stage": "numbers"}, 0},
		{"weir_source_unsettled", labels{"stage": "numbers"}, 3},
		{"weir_source_lag", labels{"stage": "numbers"}, 12},
		{"weir_source_reconnects_total", labels{"stage": "numbers"}, 1},
		{"weir_edge_capacity", labels{"from": "numbers", "to": "call"}, 256},
		{"weir_edge_items", labels{"from": "numbers", "to": "call"}, 0},
		{"weir_guard_admitted_total", labels{"stage": "call", "layer": "door"}, 10},
		{"weir_guard_capacity", labels{"stage": "call", "layer": "door"}, 8},
		{"weir_dedup_misses_total", labels{"stage": "call", "layer": "dedup"}, 10},
		{"weir_breaker_state", labels{"stage": "call", "layer": "model"}, 0},
		{"weir_retry_retries_total", labels{"stage": "call", "layer": "retry"}, 1},
		{"weir_limiter_admitted_total", labels{"stage": "call", "layer": "limiter"}, 10},
	} {
		require.Equal(t, tt.want, value(t, families, tt.name, tt.labels), "%s %v", tt.name, tt.labels)
	}
	require.NotContains(t, text, "hunter2", "no text of an error is a label")
}

func TestNamesAndUnitsAreThoseOfPrometheus(t *testing.T) {
	metrics := promflow.NewCollector()
	ran(t, metrics.Watch(), flow.Distributions())
	_, text := scrape(t, metrics)
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	require.NoError(t, err)
	require.Empty(t, problems)
}

func TestLabelsAreFew(t *testing.T) {
	metrics := promflow.NewCollector()
	ran(t, metrics.Watch(), flow.Distributions())
	families, _ := scrape(t, metrics)
	series := 0
	for name, f := range families {
		for _, m := range f.Metric {
			series++
			for _, l := range m.Label {
				require.Contains(t, []string{"flow", "stage", "outcome", "from", "to", "layer"}, l.GetName(), name)
			}
		}
	}
	require.Less(t, series, 250)
}

// With distributions a histogram is native, and has classic buckets beside it, which agree.
func TestHistogramsAreNativeAndClassic(t *testing.T) {
	metrics := promflow.NewCollector()
	ran(t, metrics.Watch(), flow.Distributions())
	reg := prometheus.NewRegistry()
	reg.MustRegister(metrics)
	families, err := reg.Gather()
	require.NoError(t, err)
	found := 0
	for _, f := range families {
		for _, m := range f.Metric {
			h := m.Histogram
			if h == nil {
				continue
			}
			found++
			require.EqualValues(t, 3, h.GetSchema(), f.GetName())
			native := int64(h.GetZeroCount())
			at := int64(0)
			for _, d := range h.PositiveDelta {
				at += d
				native += at
			}
			require.EqualValues(t, h.GetSampleCount(), native)
			last := h.Bucket[len(h.Bucket)-1]
			require.Equal(t, 256.0, last.GetUpperBound())
			require.Equal(t, h.GetSampleCount(), last.GetCumulativeCount())
			for i := 1; i < len(h.Bucket); i++ {
				require.LessOrEqual(t, h.Bucket[i-1].GetCumulativeCount(), h.Bucket[i].GetCumulativeCount())
			}
		}
	}
	require.Equal(t, 9, found, "wait and work of 4 stages, and an age")

	plain := promflow.NewCollector()
	ran(t, plain.Watch())
	_, text := scrape(t, plain)
	require.NotContains(t, text, "_bucket")
}

// A run takes the place of the one before it, so that a worker that starts flow after flow has
// one.
func TestARunTakesThePlaceOfTheOneBefore(t *testing.T) {
	metrics := promflow.NewCollector()
	var last *flow.Run
	for range 3 {
		ran(t, metrics.Watch(), flow.OnStart(func(r *flow.Run) { last = r }))
	}
	families, _ := scrape(t, metrics)
	require.Len(t, families["weir_run_ended"].Metric, 1)
	metrics.Remove(last)
	metrics.Remove(last)
	families, _ = scrape(t, metrics)
	require.Empty(t, families)
}

// Two edges between the same stages are shown as one, not refused.
func TestTwoEdgesBetweenTheSameStages(t *testing.T) {
	metrics := promflow.NewCollector()
	branches := flow.From(numbers(10), stages.Name("numbers")).Broadcast(2)
	_, err := branches[0].Merge(branches[1]).ForEach(t.Context(), func(context.Context, int) error { return nil }, metrics.Watch())
	require.NoError(t, err)
	families, _ := scrape(t, metrics)
	require.NotEmpty(t, families["weir_edge_items"].Metric)
}

// Every metric that the dashboard asks for is there.
func TestTheDashboardShowsWhatThereIs(t *testing.T) {
	metrics := promflow.NewCollector()
	ran(t, metrics.Watch(), flow.Distributions())
	families, _ := scrape(t, metrics)
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	require.NoError(t, json.Unmarshal(promflow.Dashboard(), &board))
	require.Greater(t, len(board.Panels), 12)
	name := regexp.MustCompile(`weir_[a-z_]+`)
	label := regexp.MustCompile(`(?:by \(|[{,] ?)([a-z, ]+)(?:\)|=)`)
	for _, p := range board.Panels {
		require.NotEmpty(t, p.Targets, p.Title)
		for _, target := range p.Targets {
			names := name.FindAllString(target.Expr, -1)
			require.NotEmpty(t, names, target.Expr)
			for _, n := range names {
				require.Contains(t, families, strings.TrimSuffix(n, "_bucket"), p.Title)
			}
			for _, m := range label.FindAllStringSubmatch(target.Expr, -1) {
				for l := range strings.SplitSeq(m[1], ",") {
					require.Contains(t, []string{"flow", "stage", "outcome", "from", "to", "layer", "le"}, strings.TrimSpace(l), target.Expr)
				}
			}
		}
	}
}

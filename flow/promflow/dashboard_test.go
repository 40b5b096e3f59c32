package promflow_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/flow/promflow"
	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/dedup"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/retry"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/sink"
)

// panel is a panel of the dashboard.
type panel struct {
	Title   string
	Type    string
	GridPos struct{ X, Y, W, H int }
	Targets []struct{ Expr, LegendFormat string }

	FieldConfig struct{ Defaults struct{ Unit string } }
}

func panels(t *testing.T) []panel {
	t.Helper()
	var board struct{ Panels []panel }
	require.NoError(t, json.Unmarshal(promflow.Dashboard(), &board))
	require.Greater(t, len(board.Panels), 12)
	return board.Panels
}

// asGrafana returns the query that Grafana makes of an expression, if all flows are chosen.
func asGrafana(expr string) string {
	return strings.NewReplacer("$__rate_interval", "10s", "$flow", "(orders|pages)").Replace(expr)
}

// stream is a source without an end, of one item a millisecond.
type stream struct{ numbers }

func (stream) Run(ctx context.Context, out *stages.Outlet[int]) error {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for v := 0; ; v++ {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			out.Emit(v)
		}
	}
}

// working starts a run with everything that the dashboard shows, which ends with the test.
func working(t *testing.T, name string, metrics *promflow.Collector) {
	t.Helper()
	run, err := flow.From(stream{}, stages.Name("numbers")).
		Filter("known", func(_ context.Context, v int) (bool, error) { return v%9 != 0, nil }).
		Guard(guard.Limit(8, guard.Name("door"))).
		Dedup(dedup.Window(time.Minute), func(v int) int { return v / 2 }).
		Breaker(breaker.Consecutive("model", 100, time.Second)).
		Retry(retry.Constant(2, time.Millisecond)).
		Map("call", func(_ context.Context, v int) (int, error) {
			time.Sleep(time.Duration(v%7) * time.Millisecond)
			if v%20 < 2 {
				return 0, errSecret
			}
			return v, nil
		}, stages.Workers(2)).
		DeadLetter(func(context.Context, *stages.ItemError) error { return nil }).
		To(sink.ForEach(func(context.Context, int) error { return nil }), stages.Name("store")).
		Start(context.Background(), flow.Named(name), flow.Distributions(), metrics.Watch())
	require.NoError(t, err)
	t.Cleanup(func() {
		run.Abort(errors.New("the test is over"))
		_, _ = run.Wait()
	})
}

// A real Prometheus answers each query of the dashboard, with a series for each thing that the
// panel is about, and no two flows in one.
func TestPrometheusAnswersEachQueryOfTheDashboard(t *testing.T) {
	metrics := promflow.NewCollector()
	s := newServer(t, metrics)
	working(t, "orders", metrics)
	working(t, "pages", metrics)
	for _, p := range panels(t) {
		for _, target := range p.Targets {
			expr := asGrafana(target.Expr)
			require.NotContains(t, expr, "$")
			answer := s.query(t, expr)
			for begun := time.Now(); flowsOf(answer) < 2; answer = s.query(t, expr) {
				require.Less(t, time.Since(begun), time.Minute, "%s: no answer for both flows: %s", p.Title, expr)
				time.Sleep(200 * time.Millisecond)
			}
			for _, one := range answer {
				for label := range one.Metric {
					require.Contains(t, target.LegendFormat, "{{"+label+"}}", "the series of a panel have different names")
				}
			}
			if strings.HasPrefix(p.Title, "Busy") {
				require.Len(t, answer, 2*5, "one for each stage, with and without workers")
			}
		}
	}
}

// flowsOf returns how many flows the series are of.
func flowsOf(all []series) int {
	flows := map[string]bool{}
	for _, one := range all {
		flows[one.Metric["flow"]] = true
	}
	return len(flows)
}

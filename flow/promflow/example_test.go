package promflow_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/flow/promflow"
	"github.com/weir-go/weir/stages/source"
)

// One collector is for all flows of the process. A scrape shows each stage.
func ExampleNewCollector() {
	metrics := promflow.NewCollector()
	registry := prometheus.NewRegistry()
	registry.MustRegister(metrics)

	_, err := flow.From(source.Slice([]int{1, 2, 3})).
		ForEach(context.Background(), func(context.Context, int) error { return nil }, flow.Named("numbers"), metrics.Watch())
	fmt.Println(err)

	w := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for line := range strings.Lines(w.Body.String()) {
		if strings.HasPrefix(line, "weir_items_in_total") {
			fmt.Print(line)
		}
	}
	// Output:
	// <nil>
	// weir_items_in_total{flow="numbers",stage="results"} 3
	// weir_items_in_total{flow="numbers",stage="source"} 3
}

func ExampleDashboard() {
	fmt.Println(strings.Contains(string(promflow.Dashboard()), `"title": "weir"`))
	// Output: true
}

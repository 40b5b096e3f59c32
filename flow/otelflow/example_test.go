package otelflow_test

import (
	"context"
	"fmt"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/flow/otelflow"
	"github.com/weir-go/weir/stages/source"
)

// The function sees the span of its item.
func ExampleTraces() {
	spans := tracetest.NewInMemoryExporter()
	provider := sdk.NewTracerProvider(sdk.WithSyncer(spans))
	_, err := flow.From(source.Slice([]int{1})).
		Map("call", func(ctx context.Context, v int) (int, error) {
			fmt.Println("sampled:", trace.SpanContextFromContext(ctx).IsSampled())
			return v, nil
		}).Collect(context.Background(), otelflow.Traces(otelflow.Provider(provider), otelflow.Named("orders")))
	fmt.Println(err)
	for _, s := range spans.GetSpans() {
		fmt.Println(s.Name)
	}
	// Output:
	// sampled: true
	// <nil>
	// orders receive
	// call
	// results
}

// One in a hundred items is traced. The others cost a decision at the source.
func ExampleRatio() {
	_, err := flow.From(source.Slice([]int{1, 2, 3})).
		Collect(context.Background(), otelflow.Traces(otelflow.Ratio(0.01)))
	fmt.Println(err)
	// Output: <nil>
}

func ExampleNewMetrics() {
	reader := sdkmetric.NewManualReader()
	metrics, err := otelflow.NewMetrics(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)))
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = flow.From(source.Slice([]int{1, 2, 3})).Collect(context.Background(), metrics.Watch())
	fmt.Println(err, metrics.Close())
	// Output: <nil> <nil>
}

package live_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/flow/live"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/sink"
)

// written writes a duration of 10 ms to a minute as the page does.
func written(seconds float64) string {
	switch {
	case seconds < 0.1:
		return fmt.Sprintf("%.1f ms", seconds*1e3)
	case seconds < 1:
		return fmt.Sprintf("%.0f ms", seconds*1e3)
	}
	return fmt.Sprintf("%.1f s", seconds)
}

func TestPercentilesAreShownIfTheRunKeepsThem(t *testing.T) {
	b := newTab(t)
	slow := func(_ context.Context, v int) (int, error) { time.Sleep(15 * time.Millisecond); return v, nil }
	run, err := flow.From(endless).Map("slow", slow, stages.Buffer(4)).
		To(sink.ForEach(func(context.Context, int) error { return nil }), stages.Name("end")).Start(context.Background(), flow.Distributions())
	require.NoError(t, err)
	b.open(serve(t, live.Handler(run)))
	b.eventually(`[["#chart-age .v:nth-of-type(1)", "p50"], ["#chart-age .v:nth-of-type(2)", "p99"], ["#tile-p99", "p99"]].every(
		([e, name]) => new RegExp("^" + name + " [0-9.]+ m?s$").test(document.querySelector(e).textContent))`, "no percentiles of the age")
	require.Equal(t, "Median age at sinks", b.text("#tile-age-name"))
	run.Stop()
	_, err = run.Wait()
	require.NoError(t, err)
	b.eventually(`document.querySelector("#state").textContent === "ended"`, "the end is not shown")

	all := run.Status().Stages
	b.click(`#svg [data-stage="slow"]`)
	work := all[1].Work
	require.Equal(t, "Work"+written(work.P50Seconds)+written(work.P90Seconds)+written(work.P99Seconds), b.text(`#detail [data-figure="works"]`))
	require.True(t, ask[bool](b, `document.querySelector('#detail [data-figure="ages"]').hidden`), "only sinks have an age")
	b.click(`#svg [data-stage="end"]`)
	age := all[2].Age
	require.Equal(t, "Age"+written(age.P50Seconds)+written(age.P90Seconds)+written(age.P99Seconds), b.text(`#detail [data-figure="ages"]`))
	b.clean()
}

func TestAPageWithoutPercentilesShowsNone(t *testing.T) {
	b := newTab(t)
	s := newShop()
	_, url := s.open(t)
	b.open(url)
	b.click(`#svg [data-stage="price"]`)
	require.True(t, ask[bool](b, `document.querySelector('#detail .percentiles').closest("div").hidden`))
	require.Equal(t, "", b.text("#tile-p99"))
	require.Equal(t, "Mean time inside", b.text("#chart-age b"))
	b.clean()
}

package flow_test

import (
	"bytes"
	"context"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/sink"
	"github.com/weir-go/weir/stages/source"
)

// A profile shows which stage a goroutine belongs to, also that of a worker.
func TestGoroutinesHaveLabels(t *testing.T) {
	begun, release := make(chan struct{}), make(chan struct{})
	wait := func(_ context.Context, v int) (int, error) {
		begun <- struct{}{}
		<-release
		return v, nil
	}
	run, err := flow.From(source.Slice(upTo(2)), stages.Name("numbers")).
		Guard(guard.Limit(8)).Map("call", wait, stages.Workers(2)).
		To(sink.ForEach(func(context.Context, int) error { return nil }), stages.Name("store")).
		Start(t.Context(), flow.Named("orders"))
	require.NoError(t, err)
	<-begun
	<-begun
	var profile bytes.Buffer
	require.Eventually(t, func() bool { // goroutines are on their way when the first call begins
		profile.Reset()
		return pprof.Lookup("goroutine").WriteTo(&profile, 1) == nil &&
			strings.Contains(profile.String(), `"flow":"orders", "stage":"call"`) &&
			strings.Contains(profile.String(), `"flow":"orders", "stage":"store"`)
	}, time.Minute, time.Millisecond)
	close(release)
	_, err = run.Wait()
	require.NoError(t, err)
	for block := range strings.SplitSeq(profile.String(), "\n\n") {
		if strings.Contains(block, "TestGoroutinesHaveLabels.func1") {
			require.Contains(t, block, `"stage":"call"`, "the workers")
		}
	}
}

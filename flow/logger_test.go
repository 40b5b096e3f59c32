package flow_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/sink"
	"github.com/weir-go/weir/stages/source"
)

// logged is a logger without times, and what it has written.
func logged() (*slog.Logger, *bytes.Buffer) {
	var b bytes.Buffer
	return slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey || a.Key == "elapsed" || a.Key == "function" {
				return slog.Attr{}
			}
			return a
		},
	})), &b
}

func TestTheLoggerTellsTheStoryOfARun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, lines := logged()
		run, release := blocked(t, flow.Logger(l), flow.Named("orders"))
		synctest.Wait()
		run.Stop()
		time.Sleep(6 * time.Second)
		run.Abort(errFlaky)
		close(release)
		_, err := run.Wait()
		require.ErrorIs(t, err, errFlaky)
		require.Equal(t, strings.TrimLeft(`
level=INFO msg="flow started" flow=orders stages=3
level=INFO msg="flow stopped taking items, draining" flow=orders inside=3
level=INFO msg="flow still draining" flow=orders stage=wait calls=1 items=3
level=WARN msg="flow aborted" flow=orders error=flaky
level=ERROR msg="flow ended" flow=orders in=3 out=0 failed=3 dead_lettered=0 shed=0 expired=0 error=flaky
`, "\n"), lines.String())
	})
}

func TestTheLoggerTellsOfFailuresOnceAStage(t *testing.T) {
	l, lines := logged()
	_, err := flow.From(source.Slice(upTo(3))).
		Breaker(breaker.Consecutive("model", 1, time.Hour)).
		Map("call", func(context.Context, int) (int, error) { return 0, errFlaky }).
		DeadLetter(func(context.Context, *stages.ItemError) error { return nil }).
		To(sink.ForEach(func(context.Context, int) error { return nil })).Run(t.Context(), flow.Logger(l))
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(lines.String(), `msg="first item failed in stage" flow=flow stage=call attempts=1 error=flaky`))
	require.Equal(t, 1, strings.Count(lines.String(), `msg="layer changed its state" flow=flow stage=call layer=breaker name=model from=closed to=open error=flaky`))
	require.Equal(t, 3, strings.Count(lines.String(), `msg="item became a dead letter" flow=flow stage=dead-letter failed_in=call`))
}

// However many items fail, there are few lines, and they say how many were left out.
func TestTheLoggerIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, lines := logged()
		numbers := func(yield func(int) bool) {
			for v := range 1001 {
				if v == 1000 {
					time.Sleep(11 * time.Second)
				}
				if !yield(v) {
					return
				}
			}
		}
		_, err := flow.From(source.Seq(numbers)).
			Map("call", func(context.Context, int) (int, error) { return 0, errors.New("no") }).
			DeadLetter(func(context.Context, *stages.ItemError) error { return nil }).
			To(sink.ForEach(func(context.Context, int) error { return nil })).Run(t.Context(), flow.Logger(l))
		require.NoError(t, err)
		require.Equal(t, 11, strings.Count(lines.String(), "dead letter"))
		require.Contains(t, lines.String(), "error=no suppressed=990\n")
	})
}

func TestALoggerIsNeeded(t *testing.T) {
	_, err := flow.From(source.Slice(upTo(3))).Collect(t.Context(), flow.Logger(nil))
	require.ErrorContains(t, err, "logger is nil")
}

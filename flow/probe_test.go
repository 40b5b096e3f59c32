package flow_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/flow/probe"
	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/sink"
	"github.com/weir-go/weir/stages/source"
)

// get asks a handler and returns the status and the body.
func get(h http.Handler, path string) (int, string) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w.Code, w.Body.String()
}

// blocked is a run whose one call waits until release is closed.
func blocked(t *testing.T, opts ...flow.RunOption) (run *flow.Run, release chan struct{}) {
	release = make(chan struct{})
	run, err := flow.From(source.Slice(upTo(3)), stages.Name("numbers")).
		Map("wait", func(_ context.Context, v int) (int, error) { <-release; return v, nil }).
		To(sink.ForEach(func(context.Context, int) error { return nil })).
		Start(t.Context(), opts...)
	require.NoError(t, err)
	return run, release
}

func TestReadyzFailsFromTheFirstStopOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		run, release := blocked(t)
		h := probe.Handler(run)
		code, body := get(h, "/readyz")
		require.Equal(t, http.StatusOK, code, body)
		run.Stop()
		synctest.Wait()
		code, body = get(h, "/readyz")
		require.Equal(t, http.StatusServiceUnavailable, code)
		require.Equal(t, "draining\n", body)
		code, _ = get(h, "/livez")
		require.Equal(t, http.StatusOK, code, "a drain is no reason to be restarted")
		close(release)
		_, err := run.Wait()
		require.NoError(t, err)
		code, body = get(h, "/readyz")
		require.Equal(t, http.StatusServiceUnavailable, code)
		require.Equal(t, "ended\n", body)
		code, _ = get(h, "/livez")
		require.Equal(t, http.StatusOK, code)
	})
}

func TestLivezLooksAtProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		run, release := blocked(t)
		h := probe.Handler(run, probe.StallAfter(time.Minute))
		synctest.Wait()
		for range 6 { // the first look is at 0 s
			code, _ := get(h, "/livez")
			require.Equal(t, http.StatusOK, code)
			time.Sleep(10 * time.Second)
		}
		time.Sleep(10 * time.Second)
		code, body := get(h, "/livez")
		require.Equal(t, http.StatusServiceUnavailable, code)
		require.Equal(t, "stuck\n", body)
		release <- struct{}{} // one call goes on, the next one waits
		synctest.Wait()
		code, _ = get(h, "/livez")
		require.Equal(t, http.StatusOK, code)
		close(release)
		_, err := run.Wait()
		require.NoError(t, err)
	})
}

// Items that wait for a timer are no reason to restart a process, however many there are.
func TestLivezDoesNotMindItemsThatWaitByDesign(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		run, err := flow.From(source.Slice(upTo(3))).Delay(time.Hour).
			To(sink.ForEach(func(context.Context, int) error { return nil })).Start(t.Context())
		require.NoError(t, err)
		h := probe.Handler(run, probe.StallAfter(time.Minute))
		for range 10 {
			code, _ := get(h, "/livez")
			require.Equal(t, http.StatusOK, code)
			time.Sleep(5 * time.Minute)
		}
		_, err = run.Wait()
		require.NoError(t, err)
	})
}

func TestLivezFailsWhenTheRunHasFailed(t *testing.T) {
	run, err := flow.From(source.Slice(upTo(3))).
		To(sink.ForEach(func(context.Context, int) error { return errFlaky })).Start(t.Context())
	require.NoError(t, err)
	_, err = run.Wait()
	require.ErrorIs(t, err, errFlaky)
	code, _ := get(probe.Handler(run), "/livez")
	require.Equal(t, http.StatusServiceUnavailable, code)
	require.Contains(t, run.Status().Error, "flaky")
}

func TestTheHandlerWorksUnderAPrefix(t *testing.T) {
	mux := http.NewServeMux()
	_, err := flow.From(source.Slice(upTo(3))).Map("same", same).Collect(t.Context(),
		flow.OnStart(func(r *flow.Run) { mux.Handle("/deep/down/", http.StripPrefix("/deep/down", probe.Handler(r))) }))
	require.NoError(t, err)
	for _, path := range []string{"livez", "snapshot.json", "graph.mmd", "graph.dot"} {
		code, body := get(mux, "/deep/down/"+path)
		require.Equal(t, http.StatusOK, code, path)
		require.NotEmpty(t, body)
	}
	code, _ := get(mux, "/deep/down/nothing")
	require.Equal(t, http.StatusNotFound, code)
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/deep/down/snapshot.json", nil))
	require.Equal(t, http.StatusMethodNotAllowed, w.Code)
}

func TestTheSnapshotIsTheStatusInJSON(t *testing.T) {
	run, err := flow.From(source.Slice(upTo(4)), stages.Name("numbers")).
		Guard(guard.Limit(1)).Breaker(breaker.Consecutive("model", 2, time.Hour)).
		Map("call", func(_ context.Context, v int) (int, error) {
			if v > 0 {
				return 0, errFlaky
			}
			return v, nil
		}).
		DeadLetter(func(context.Context, *stages.ItemError) error { return nil }).
		To(sink.ForEach(func(context.Context, int) error { return nil }), stages.Name("store")).
		Start(t.Context(), flow.Named("orders"))
	require.NoError(t, err)
	_, err = run.Wait()
	require.NoError(t, err)
	_, body := get(probe.Handler(run), "/snapshot.json")

	var got map[string]any
	require.NoError(t, json.Unmarshal([]byte(body), &got))
	require.Equal(t, "orders", got["flow"])
	require.Equal(t, "ended", got["state"])
	require.NotContains(t, got, "error")
	require.Equal(t, map[string]any{
		"in": 4.0, "derived": 0.0, "recovered": 3.0, "out": 1.0, "folded": 0.0, "filtered": 0.0, "failed": 3.0,
		"shed": 0.0, "expired": 0.0, "dead_lettered": 3.0, "handed_back": 0.0,
	}, got["ledger"])
	call := got["stages"].([]any)[1].(map[string]any)
	require.Equal(t, "call", call["name"])
	require.Equal(t, "stage", call["kind"])
	require.Equal(t, "guard > breaker > 1 worker", call["detail"])
	require.Equal(t, 3.0, call["calls_total"])
	layers := call["layers"].([]any)
	require.Equal(t, "guard", layers[0].(map[string]any)["layer"])
	require.Equal(t, 1.0, layers[0].(map[string]any)["figures"].(map[string]any)["capacity"])
	fuse := layers[1].(map[string]any)
	require.Equal(t, "model", fuse["layer"])
	require.Equal(t, "breaker", fuse["kind"])
	require.Equal(t, "open", fuse["state"])
	require.Equal(t, 1.0, fuse["figures"].(map[string]any)["rejected_total"])
	require.Equal(t, "numbers", got["edges"].([]any)[0].(map[string]any)["from"])

	var back flow.Status // the JSON is the type's, in both directions
	require.NoError(t, json.Unmarshal([]byte(body), &back))
	again := run.Status()
	again.Taken, back.Taken = time.Time{}, time.Time{}
	require.True(t, again.Started.Equal(back.Started))
	again.Started, back.Started = time.Time{}, time.Time{}
	require.Equal(t, again, back)
}

func TestTheStatusNamesWhoIsBusyOnlyWhenTheRunShouldEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		run, release := blocked(t)
		synctest.Wait()
		require.Empty(t, run.Status().Busy)
		require.Equal(t, flow.Running, run.State())
		run.Abort(errFlaky)
		synctest.Wait()
		s := run.Status()
		require.Equal(t, flow.Aborting, s.State)
		require.Equal(t, "flaky", s.Error)
		require.Equal(t, "wait", s.Busy[0].Stage)
		require.Equal(t, 1, s.Busy[0].Calls)
		close(release)
		_, err := run.Wait()
		require.ErrorIs(t, err, errFlaky)
		<-run.Done()
	})
}

// However a flow is run, its run can be had before it starts.
func TestTheRunCanBeHadBeforeItStarts(t *testing.T) {
	for name, start := range map[string]func(flow.RunOption) error{
		"Graph.Run": func(o flow.RunOption) error {
			_, err := flow.From(source.Slice(upTo(3))).To(sink.ForEach(func(context.Context, int) error { return nil })).Run(t.Context(), o)
			return err
		},
		"Results": func(o flow.RunOption) (err error) {
			for r := range flow.From(source.Slice(upTo(3))).Results(t.Context(), o) {
				err = errors.Join(err, r.Err)
			}
			return err
		},
		"Collect": func(o flow.RunOption) error {
			_, err := flow.From(source.Slice(upTo(3))).Collect(t.Context(), o)
			return err
		},
		"Serve": func(o flow.RunOption) error {
			s, err := flow.Serve(t.Context(), func(q *flow.Stream[int]) *flow.Stream[int] { return q.Map("same", same) }, o)
			if err != nil {
				return err
			}
			s.Stop()
			_, err = s.Wait()
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			var had *flow.Run
			require.NoError(t, start(flow.OnStart(func(r *flow.Run) {
				had = r
				require.Zero(t, r.Snapshot().Ledger.In)
				require.Equal(t, flow.Running, r.State())
			})))
			require.Equal(t, flow.Ended, had.State())
			require.Equal(t, "flow", had.Name())
		})
	}
}

// What is told to a run before it starts holds.
func TestARunThatIsStoppedBeforeItStartsBringsNothing(t *testing.T) {
	got, err := flow.From(source.Slice(upTo(1000))).Collect(t.Context(), flow.OnStart((*flow.Run).Stop))
	require.NoError(t, err)
	require.Less(t, len(got), 1000)
}

func TestAPanicBeforeTheStartLeavesNothingBehind(t *testing.T) {
	require.PanicsWithValue(t, "no", func() {
		_, _ = flow.From(source.Slice(upTo(3))).Collect(t.Context(), flow.OnStart(func(*flow.Run) { panic("no") }))
	})
}

func TestOptionsOfTheRunAreChecked(t *testing.T) {
	_, err := flow.From(source.Slice(upTo(3))).Collect(t.Context(), flow.Named(""), flow.OnStart(nil))
	require.ErrorIs(t, err, flow.ErrGraph)
	require.ErrorContains(t, err, "name of the run is empty")
	require.ErrorContains(t, err, "the function of OnStart is nil")
}

package source_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/primitives/outcome"
	"github.com/weir-go/weir/primitives/retry"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/sink"
	"github.com/weir-go/weir/stages/source"
)

var errReset = errors.New("connection reset")

// script is a source that plays one step a Run.
type script struct {
	steps    []step
	at       []time.Duration
	began    time.Time
	finished int
	health   stages.Health
}

type step struct {
	brings []int
	err    error
	waits  bool // for the intake to stop
}

func (s *script) Run(ctx context.Context, out *stages.Outlet[int]) error {
	s.at = append(s.at, time.Since(s.began))
	one := s.steps[0]
	s.steps = s.steps[1:]
	for _, v := range one.brings {
		out.Emit(v)
	}
	if one.waits {
		<-ctx.Done()
	}
	return one.err
}

func (s *script) Finish(context.Context) error { s.finished++; return nil }
func (s *script) Health() stages.Health        { return s.health }

// play runs the steps under a policy of 3 attempts, 1 s and 2 s.
func play(t *testing.T, src *script, opts ...retry.Option) (got []int, report *flow.Report, err error) {
	src.began = time.Now()
	policy := retry.Exponential(3, time.Second, append(opts, retry.Jitter(retry.NoJitter))...)
	report, err = flow.From(source.Reconnecting(src, policy)).To(sink.Append(&got)).Run(t.Context())
	require.NoError(t, report.Check())
	require.Equal(t, 1, src.finished)
	return got, report, err
}

func TestASourceThatFailsBeginsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &script{steps: []step{
			{brings: []int{1, 2}, err: errReset},
			{brings: []int{3}, err: errReset}, // attempts count anew
			{err: errReset},
			{brings: []int{4}},
		}}
		src.health = stages.Health{Unsettled: 7, Lag: 9, Reconnects: 2}
		got, report, err := play(t, src)
		require.NoError(t, err)
		require.Equal(t, []int{1, 2, 3, 4}, got)
		s := time.Second
		require.Equal(t, []time.Duration{0, s, 2 * s, 4 * s}, src.at)
		require.Equal(t, stages.Health{
			Unsettled: 7, Lag: 9, Reconnects: 5, Err: errReset, At: src.began.Add(2 * s),
		}, *report.Stages[0].Health)
	})
}

func TestWhatEndsAReconnectingSource(t *testing.T) {
	permanent := outcome.AsPermanent(errReset)
	for name, tt := range map[string]struct {
		steps []step
		opts  []retry.Option
		runs  int
	}{
		"attempts in a row": {[]step{{err: errReset}, {err: errReset}, {err: errReset}}, nil, 3},
		"a permanent error": {[]step{{brings: []int{1}, err: errReset}, {err: permanent}}, nil, 2},
		"as classified": {[]step{{err: errReset}}, []retry.Option{retry.Classify(func(context.Context, error) outcome.Outcome {
			return outcome.Outcome{Kind: outcome.Permanent}
		})}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				src := &script{steps: tt.steps}
				_, _, err := play(t, src, tt.opts...)
				require.ErrorIs(t, err, errReset)
				require.Len(t, src.at, tt.runs)
			})
		})
	}
}

// A stop or an abort ends the wait, and a run that it has ended is not begun anew.
func TestAReconnectingSourceStops(t *testing.T) {
	for name, last := range map[string]step{"asleep": {err: errReset}, "at work": {waits: true}, "at work, with an error": {waits: true, err: errReset}} {
		for how, end := range map[string]func(*flow.Run){
			"stop":  func(r *flow.Run) { r.Stop() },
			"abort": func(r *flow.Run) { r.Abort(errors.New("boom")) },
		} {
			t.Run(name+", "+how, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					src := &script{steps: []step{last}, began: time.Now()}
					run, err := flow.From(source.Reconnecting(src, retry.Constant(9, time.Hour, retry.Cap(time.Hour)))).
						To(sink.ForEach(func(context.Context, int) error { return nil })).Start(t.Context())
					require.NoError(t, err)
					time.Sleep(time.Second)
					end(run)
					_, err = run.Wait()
					require.Equal(t, how == "stop", err == nil, err)
					require.Equal(t, time.Second, time.Since(src.began))
					require.Len(t, src.at, 1)
				})
			})
		}
	}
}

// A failure that no new beginning mends is told also if the source was asked to stop.
func TestAStopDoesNotHideAPermanentFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &script{steps: []step{{waits: true, err: outcome.AsPermanent(errReset)}}, began: time.Now()}
		run, err := flow.From(source.Reconnecting(src, retry.Constant(9, time.Second))).
			To(sink.ForEach(func(context.Context, int) error { return nil })).Start(t.Context())
		require.NoError(t, err)
		time.Sleep(time.Second)
		run.Stop()
		_, err = run.Wait()
		require.ErrorIs(t, err, errReset)
	})
}

func TestAReconnectingSourceThatIsSetUpWronglyIsNotValid(t *testing.T) {
	require.ErrorContains(t, flow.From(source.Reconnecting[int](nil, nil)).To(sink.Append(new([]int))).Validate(), "source is nil")
	err := flow.From(source.Reconnecting(source.Chan[int](nil), retry.Policy{})).To(sink.Append(new([]int))).Validate()
	require.ErrorContains(t, err, "channel is nil")
	require.ErrorIs(t, err, retry.ErrPolicy)
	err = flow.From(source.Reconnecting(source.Slice([]int{1}), nil)).To(sink.Append(new([]int))).Validate()
	require.ErrorContains(t, err, "policy is nil")
}

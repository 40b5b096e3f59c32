package flowtest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/sink"
)

func TestAProbeTakesWhatItIsAskedFor(t *testing.T) {
	Bubble(t, func(t *testing.T) {
		src := NewSource[int]().Emit(1, 2, 3, 4, 5, 6, 7, 8)
		p := NewProbe[int](t)
		r, err := flow.From(src).Map("even", func(_ context.Context, v int) (int, error) {
			if v == 3 {
				return 0, errBroken
			}
			return v, nil
		}).To(p, stages.Buffer(1)).Start(t.Context())
		require.NoError(t, err)
		p.Expect(1, 2)
		require.ErrorIs(t, p.ExpectFailed(), errBroken)
		require.Equal(t, 4, p.Next())
		values, failed := p.Rest()
		require.Equal(t, []int{5, 6, 7, 8}, values)
		require.Empty(t, failed)
		p.ExpectEnd()
		p.ExpectEnd()
		rep, err := r.Wait()
		require.NoError(t, err)
		Balanced(t, rep)
	})
}

// A probe that does not ask makes the source wait: that is what it is for.
func TestAProbeMakesBackpressure(t *testing.T) {
	Bubble(t, func(t *testing.T) {
		all := make([]int, 1000)
		src := NewSource[int]().Emit(all...)
		p := NewProbe[int](t)
		r, err := flow.From(src).To(p, stages.Buffer(4)).Start(t.Context())
		require.NoError(t, err)
		time.Sleep(time.Hour)
		held := len(src.Emitted())
		require.LessOrEqual(t, held, 5)
		p.Next()
		p.Next()
		time.Sleep(time.Hour)
		require.LessOrEqual(t, len(src.Emitted()), held+2)
		p.Open()
		_, err = r.Wait()
		require.NoError(t, err)
		values, _ := p.Rest()
		require.Len(t, values, 998)
	})
}

func TestAProbeKnowsWhenNothingComes(t *testing.T) {
	Bubble(t, func(t *testing.T) {
		p := NewProbe[int](t)
		r, err := flow.From(NewSource[int]().Sleep(time.Hour).Emit(7)).To(p).Start(t.Context())
		require.NoError(t, err)
		begun := time.Now()
		p.ExpectNone(59 * time.Minute)
		require.Equal(t, 59*time.Minute, time.Since(begun))
		p.ExpectNone(time.Minute - 1)
		require.Equal(t, 7, p.Next())
		p.ExpectEnd()
		_, err = r.Wait()
		require.NoError(t, err)
	})
}

// A run that is aborted does not wait for a probe that does not ask.
func TestAProbeLetsAnAbortPass(t *testing.T) {
	Bubble(t, func(t *testing.T) {
		p := NewProbe[int](t)
		r, err := flow.From(NewSource[int]().Emit(make([]int, 1000)...)).To(p, stages.Buffer(4)).Start(t.Context())
		require.NoError(t, err)
		time.Sleep(time.Second)
		r.Abort(errAbort)
		rep, err := r.Wait()
		require.ErrorIs(t, err, errAbort)
		Balanced(t, rep)
	})
}

// Each expectation fails where something else comes, and says what.
func TestAProbeFailsTheTest(t *testing.T) {
	healthy := func() *Source[int] { return NewSource[int]().Emit(7) }
	nothing := func() *Source[int] { return NewSource[int]() }
	late := func() *Source[int] { return NewSource[int]().Sleep(time.Hour) }
	failing := func() *Source[int] { return NewSource[int]().Emit(-1) }
	for _, tt := range []struct {
		name string
		src  func() *Source[int]
		do   func(p *Probe[int])
		want string
	}{
		{"another value", healthy, func(p *Probe[int]) { p.Expect(8) }, "flowtest: got 7, want 8"},
		{"the end for an item", nothing, func(p *Probe[int]) { p.Next() }, "flowtest: an item expected, and the stream has ended"},
		{"a failure for an item", failing, func(p *Probe[int]) { p.Next() }, `flowtest: a healthy item expected, and it has failed: stage "negative": flowtest: a fault on purpose`},
		{"nothing for an item", late, func(p *Probe[int]) { p.Next() }, "flowtest: an item expected, and nothing came within 10s"},
		{"an item for a failure", healthy, func(p *Probe[int]) { p.ExpectFailed() }, "flowtest: a failed item expected, and it is healthy: 7"},
		{"the end for a failure", nothing, func(p *Probe[int]) { p.ExpectFailed() }, "flowtest: a failed item expected, and the stream has ended"},
		{"an item for nothing", healthy, func(p *Probe[int]) { p.ExpectNone(time.Second) }, "flowtest: nothing expected within 1s, and an item came: 7"},
		{"the end for nothing", nothing, func(p *Probe[int]) { p.ExpectNone(time.Second) }, "flowtest: nothing expected within 1s, and the stream has ended"},
		{"a failure for nothing", failing, func(p *Probe[int]) { p.ExpectNone(time.Second) }, `flowtest: nothing expected within 1s, and a failed item came: stage "negative": flowtest: a fault on purpose`},
		{"an item for the end", healthy, func(p *Probe[int]) { p.ExpectEnd() }, "flowtest: the end of the stream expected, and an item came: 7"},
		{"a failure for the end", failing, func(p *Probe[int]) { p.ExpectEnd() }, `flowtest: the end of the stream expected, and a failed item came: stage "negative": flowtest: a fault on purpose`},
		{"nothing for the end", late, func(p *Probe[int]) { p.ExpectEnd() }, "flowtest: the end of the stream expected, and nothing came within 10s"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			Bubble(t, func(t *testing.T) {
				var r *flow.Run
				faults := told(func(rec *recorder) {
					p := NewProbe[int](rec)
					var err error
					r, err = flow.From(tt.src()).Map("negative", func(_ context.Context, v int) (int, error) {
						if v < 0 {
							return 0, errBroken
						}
						return v, nil
					}).To(p).Start(context.Background())
					if err == nil {
						tt.do(p)
					}
				})
				require.Equal(t, []string{tt.want}, faults)
				_, err := r.Wait() // the probe is open now
				require.NoError(t, err)
			})
		})
	}
}

func TestSourceSteps(t *testing.T) {
	Bubble(t, func(t *testing.T) {
		signal := make(chan struct{})
		src := NewSource[int]().Emit(1).Await(signal).EmitAcked(2, 3).Fail(errBroken).Emit(4)
		p := NewProbe[int](t)
		r, err := flow.From(src, stages.Name("src")).Map("odd", func(_ context.Context, v int) (int, error) {
			if v == 3 {
				return 0, errors.New("odd")
			}
			return v, nil
		}).To(p).Start(t.Context())
		require.NoError(t, err)
		p.Expect(1)
		p.ExpectNone(time.Hour)
		close(signal)
		p.Expect(2)
		p.ExpectFailed()
		p.ExpectEnd()
		rep, err := r.Wait()
		require.ErrorIs(t, err, errBroken)
		Balanced(t, rep)
		require.Equal(t, []int{1, 2, 3}, src.Emitted())
		acks := src.Acks()
		require.Len(t, acks, 2)
		require.Equal(t, Ack[int]{Value: 2}, acks[0])
		require.Equal(t, 3, acks[1].Value)
		require.ErrorContains(t, acks[1].Err, "odd")
	})
}

func TestSourcePanics(t *testing.T) {
	_, err := Run(t, func(t *testing.T) *flow.Graph {
		return flow.From(NewSource[int]().Panic("boo")).To(sink.Append(new([]int)))
	})
	var p *stages.PanicError
	require.ErrorAs(t, err, &p)
	require.Equal(t, "boo", p.Value)
}

// A source that waits hears of the stop, whatever it waits for.
func TestSourceStops(t *testing.T) {
	for name, src := range map[string]*Source[int]{
		"asleep":    NewSource[int]().Sleep(time.Hour).Emit(1),
		"waiting":   NewSource[int]().Await(nil).Emit(1),
		"repeating": NewSource[int]().Emit(0).Repeat().Emit(1),
	} {
		t.Run(name, func(t *testing.T) {
			Bubble(t, func(t *testing.T) {
				var got []int
				r, err := flow.From(src).To(sink.Append(&got)).Start(t.Context())
				require.NoError(t, err)
				time.Sleep(time.Second)
				begun := time.Now()
				r.Stop()
				_, err = r.Wait()
				require.NoError(t, err)
				require.Zero(t, time.Since(begun))
				require.NotContains(t, got, 1)
			})
		})
	}
}

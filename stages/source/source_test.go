package source_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/sink"
	"github.com/weir-go/weir/stages/source"
)

func TestSourcesBringWhatTheyHave(t *testing.T) {
	full := make(chan int, 300)
	for _, v := range upTo(300) {
		full <- v
	}
	close(full)
	for name, src := range map[string]stages.Source[int]{
		"Slice": source.Slice(upTo(300)),
		"Seq":   source.Seq(slices.Values(upTo(300))),
		"Chan":  source.Chan(full),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var got []int
				brought, taken, err := deliver(t, src, sink.Append(&got))
				require.NoError(t, err)
				require.Equal(t, upTo(300), got)
				require.Equal(t, stages.Ledger{In: 300, Out: 300}, brought)
				require.Equal(t, stages.Ledger{In: 300, Out: 300}, taken)
			})
		})
	}
}

// However a source is ended, it returns. What it had brought is delivered after a stop and
// accounted for after an abort.
func TestSourcesEndWhenAsked(t *testing.T) {
	for name, src := range map[string]func() stages.Source[int]{
		"Seq":  func() stages.Source[int] { return source.Seq(forever(time.Second)) },
		"Chan": func() stages.Source[int] { return source.Chan(make(chan int)) },
		"a long Slice": func() stages.Source[int] {
			return source.Slice(upTo(100_000))
		},
		"SourceFunc": func() stages.Source[int] {
			return stages.SourceFunc[int](func(ctx context.Context, _ *stages.Outlet[int]) error { <-ctx.Done(); return ctx.Err() })
		},
	} {
		for how, end := range map[string]func(*flow.Run){"stop": stop, "abort": abort} {
			t.Run(name+" "+how, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					begun := time.Now()
					brought, taken, err := deliver(t, src(), sink.ForEach(func(context.Context, int) error {
						time.Sleep(time.Millisecond)
						return nil
					}), after(2500*time.Millisecond, end))
					require.ErrorIs(t, err, map[string]error{"abort": errGone}[how])
					require.LessOrEqual(t, time.Since(begun), 3500*time.Millisecond)
					require.Equal(t, brought.Out, taken.In)
					if how == "stop" {
						require.Zero(t, taken.Failed)
					}
				})
			})
		}
	}
}

func TestASourceThatFailsStopsTheRun(t *testing.T) {
	for name, fail := range faults {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var got []int
				_, _, err := deliver(t, stages.SourceFunc[int](func(_ context.Context, out *stages.Outlet[int]) error {
					out.Emit(1)
					return fail()
				}), sink.Append(&got))
				require.ErrorContains(t, err, `stage "source"`)
				if name == "goexit" { // which aborts the run
					require.ErrorIs(t, err, stages.ErrGoexit)
					return
				}
				require.ErrorIs(t, err, errFlaky)
				require.Equal(t, []int{1}, got)
			})
		})
	}
}

func TestASequenceThatPanicsStopsTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []int
		_, _, err := deliver(t, source.Seq(func(yield func(int) bool) {
			yield(1)
			panic(errFlaky)
		}), sink.Append(&got))
		require.Equal(t, []int{1}, got)
		require.ErrorIs(t, err, errFlaky)
	})
}

// A source may emit from several goroutines.
func TestASourceEmitsFromManyGoroutines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []int
		_, _, err := deliver(t, stages.SourceFunc[int](func(_ context.Context, out *stages.Outlet[int]) error {
			done := make(chan bool)
			for s := range 4 {
				go func() {
					for i := range 100 {
						out.Emit(100*s + i)
					}
					done <- true
				}()
			}
			for range 4 {
				<-done
			}
			return nil
		}), sink.Append(&got))
		require.NoError(t, err)
		slices.Sort(got)
		require.Equal(t, upTo(400), got)
	})
}

func TestSourcesRefuseWhatIsMissing(t *testing.T) {
	for want, s := range map[string]stages.Source[int]{
		"channel is nil": source.Chan[int](nil), "sequence is nil": source.Seq[int](nil), "function is nil": stages.SourceFunc[int](nil),
	} {
		require.ErrorContains(t, validate(s), want)
	}
}

// A source that waits for room shares no clock reading between the values before and after the
// wait: else the ones after it have waited longer in their timings than they have existed.
func TestAValueThatWaitedForRoomIsNoOlder(t *testing.T) {
	const room = 200 // not a multiple of the values that share a reading
	for name, src := range map[string]stages.Source[int]{
		"seq": source.Seq(slices.Values(upTo(room + 10))), "slice": source.Slice(upTo(room + 10)),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				nap := func(_ context.Context, v int) (int, error) {
					if v%150 == 0 { // 0 until the edge is full, 150 until it is full again
						time.Sleep(time.Second)
					}
					return v, nil
				}
				for r := range flow.From(src).Map("nap", nap, stages.Buffer(room)).Results(t.Context()) {
					if r.Value > room {
						require.Equal(t, time.Second, r.Timings.At(0).Wait, r.Value)
					}
				}
			})
		})
	}
}

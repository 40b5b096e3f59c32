package stages

import (
	"context"
	"errors"
	"iter"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// forever yields numbers, d apart.
func forever(d time.Duration) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := 0; yield(i); i++ {
			time.Sleep(d)
		}
	}
}

func TestSourcesBringWhatTheyHave(t *testing.T) {
	full := make(chan int, 300)
	for _, v := range upTo(300) {
		full <- v
	}
	close(full)
	for name, src := range map[string]Source[int]{
		"Slice": Slice(upTo(300)),
		"Seq":   Seq(slices.Values(upTo(300))),
		"Chan":  Chan(full),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var got []int
				nodes, err := deliver(t, src, Append(&got))
				require.NoError(t, err)
				require.Equal(t, upTo(300), got)
				require.Equal(t, Ledger{In: 300, Out: 300}, nodes[0].Ledger())
				require.Equal(t, Ledger{In: 300, Out: 300}, nodes[1].Ledger())
			})
		})
	}
}

// However a source is ended, it returns, and what it had brought is delivered
// after a stop and accounted for after an abort.
func TestSourcesEndWhenAsked(t *testing.T) {
	for name, src := range map[string]func() Source[int]{
		"Seq":  func() Source[int] { return Seq(forever(time.Second)) },
		"Chan": func() Source[int] { return Chan(make(chan int)) },
		"a long Slice": func() Source[int] {
			return Slice(upTo(100_000))
		},
		"SourceFunc": func() Source[int] {
			return SourceFunc[int](func(ctx context.Context, _ *Outlet[int]) error { <-ctx.Done(); return ctx.Err() })
		},
	} {
		for how, end := range map[string]func(*Runtime){"stop": stop, "abort": abort} {
			t.Run(name+" "+how, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					begun := time.Now()
					nodes, err := deliver(t, src(), ForEach(func(context.Context, int) error {
						time.Sleep(time.Millisecond)
						return nil
					}), after(2500*time.Millisecond, end))
					require.NoError(t, err)
					require.LessOrEqual(t, time.Since(begun), 3500*time.Millisecond)
					require.Equal(t, nodes[0].Ledger().Out, nodes[1].Ledger().In)
					if how == "stop" {
						require.Zero(t, nodes[1].Ledger().Failed)
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
				_, err := deliver(t, SourceFunc[int](func(_ context.Context, out *Outlet[int]) error {
					out.Emit(1)
					return fail()
				}), Append(&got))
				require.Equal(t, []int{1}, got)
				require.ErrorContains(t, err, `stage "source"`)
				require.True(t, errors.Is(err, errFlaky) || errors.Is(err, ErrGoexit))
			})
		})
	}
}

func TestASequenceThatPanicsStopsTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []int
		_, err := deliver(t, Seq(func(yield func(int) bool) {
			yield(1)
			panic(errFlaky)
		}), Append(&got))
		require.Equal(t, []int{1}, got)
		require.ErrorIs(t, err, errFlaky)
	})
}

// A source may hand out from several goroutines.
func TestASourceEmitsFromManyGoroutines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []int
		_, err := deliver(t, SourceFunc[int](func(_ context.Context, out *Outlet[int]) error {
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
		}), Append(&got))
		require.NoError(t, err)
		slices.Sort(got)
		require.Equal(t, upTo(400), got)
	})
}

func TestIntoFeelsBackpressureAndTheAbort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ch := make(chan int)
		got := make(chan []int)
		go func() {
			var all []int
			for range 3 {
				all = append(all, <-ch)
				time.Sleep(time.Second)
			}
			got <- all // and receives no more
			_, open := <-ch
			for open {
				_, open = <-ch
			}
		}()
		begun := time.Now()
		nodes, err := deliver(t, Slice(upTo(10)), Into(ch), func(rt *Runtime) {
			require.Equal(t, upTo(3), <-got)
			rt.Abort(errGone)
		})
		require.NoError(t, err)
		require.Equal(t, 3*time.Second, time.Since(begun))
		l := nodes[1].Ledger()
		require.GreaterOrEqual(t, l.Out, int64(3))
		require.Equal(t, int64(10), l.Out+l.Failed)
	})
}

func TestIntoFailsWhatNobodyReceives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ch := make(chan int)
		nodes, _ := deliver(t, Slice(upTo(10)), Into(ch), after(time.Second, abort))
		require.Equal(t, Ledger{In: 10, Failed: 10}, nodes[1].Ledger())
		_, open := <-ch
		require.False(t, open, "the sink closes what it has been given")
	})
}

func TestForEachFailsDropsAndStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []int
		nodes, err := deliver(t, Slice(upTo(100)), ForEach(func(_ context.Context, v int) error {
			switch v {
			case 3:
				return ErrDrop
			case 5:
				return errFlaky
			case 7:
				panic(errOdd)
			}
			got = append(got, v)
			return nil
		}))
		require.ErrorIs(t, err, errFlaky, "the first failure counts")
		require.ErrorContains(t, err, "and 1 more failed items")
		l := nodes[1].Ledger()
		require.Equal(t, int64(1), l.Filtered)
		require.Equal(t, int64(2), l.Failed)
		require.Len(t, got, int(l.Out))
	})
}

func TestAGoexitInForEachLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes, err := deliver(t, Slice(upTo(100)), ForEach(func(_ context.Context, v int) error {
			if v == 50 {
				runtime.Goexit()
			}
			return nil
		}))
		require.ErrorIs(t, err, ErrGoexit)
		require.Positive(t, nodes[1].Ledger().Failed)
	})
}

// A sink that has seen enough stops the intake; what is on its way is dropped.
func TestASinkThatReturnsEarlyWantsNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen := 0
		nodes, err := deliver(t, Seq(forever(time.Millisecond)), SinkFunc[int](func(_ context.Context, in *Inlet[int]) error {
			for it := range in.All() {
				in.Done(it)
				if seen++; seen == 10 {
					return nil
				}
			}
			return nil
		}))
		require.NoError(t, err)
		require.Equal(t, int64(10), nodes[1].Ledger().Out)
		require.Less(t, nodes[0].Ledger().Out, int64(20))
	})
}

// A sink that breaks stops the run with its error, and what is on its way fails.
func TestASinkThatBreaksStopsTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes, err := deliver(t, Slice(upTo(100)), SinkFunc[int](func(_ context.Context, in *Inlet[int]) error {
			it, _ := in.Next()
			in.Done(it)
			return errFlaky
		}))
		require.ErrorIs(t, err, errFlaky)
		require.Equal(t, int64(1), nodes[1].Ledger().Out)
		require.Positive(t, nodes[1].Ledger().Failed)
	})
}

func TestEndsRefuseWhatIsMissing(t *testing.T) {
	for _, v := range []any{
		Chan[int](nil), Into[int](nil), Seq[int](nil), Append[int](nil), ForEach[int](nil),
	} {
		require.Error(t, v.(Validator).Validate(), "%T", v)
	}
}

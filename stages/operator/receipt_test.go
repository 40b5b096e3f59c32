package operator_test

import (
	"context"
	"iter"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/operator"
)

func TestASourceHearsOnceOfEachItem(t *testing.T) {
	for name, s := range map[string]stages.Stage[int, int]{
		"Map":     operator.Map(thirds),
		"several": operator.Map(thirds, stages.Workers(3)),
		"OnError": stages.StageFunc[int, int](failThirds),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := &acked{n: 9}
				through(t, a, s)
				for i, err := range a.once(t) {
					if i%3 == 0 {
						require.NoError(t, err)
						continue
					}
					require.ErrorIs(t, err, []error{nil, errOdd, errFlaky}[i%3])
				}
			})
		})
	}
}

// failThirds is thirds as a stage of a user.
func failThirds(ctx context.Context, in *stages.Inlet[int], out *stages.Outlet[int]) error {
	for it := range in.All() {
		if _, err := thirds(ctx, it.Value); err != nil {
			in.Fail(it, err)
			continue
		}
		out.Send(it)
	}
	return nil
}

func TestWhatIsDroppedOrPutAsideIsDone(t *testing.T) {
	for name, s := range map[string]stages.Stage[int, int]{
		"Filter":     operator.Filter(func(_ context.Context, v int) (bool, error) { return v%2 == 0, nil }),
		"DeadLetter": operator.DeadLetter[int](func(context.Context, *stages.ItemError) error { return nil }),
		"OnError":    operator.OnError(func(context.Context, *stages.ItemError) (int, error) { return 0, stages.ErrDrop }),
		"replaced":   operator.OnError(func(context.Context, *stages.ItemError) (int, error) { return 7, nil }),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := &acked{n: 6}
				f := same
				if name != "Filter" {
					f = tenfold
				}
				behindMap(t, a, f, s)
				for _, err := range a.once(t) {
					require.NoError(t, err)
				}
			})
		})
	}
}

// What is derived of an item owes together what the item owed, and a batch owes for all that
// is in it. The source hears the first failure.
func TestAReceiptFollowsWhatIsDerivedAndFolded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		twice := operator.FlatMap(func(_ context.Context, v int) (iter.Seq[int], error) { return slices.Values([]int{v, v + 100}), nil })
		a := &acked{n: 4}
		run(t, false, operator.Map(func(_ context.Context, v int) (int, error) {
			if v == 102 {
				return 0, errFlaky
			}
			return v, nil
		}), nil, fed(a, twice))
		errs := a.once(t)
		require.Equal(t, []bool{true, true, false, true}, []bool{errs[0] == nil, errs[1] == nil, errs[2] == nil, errs[3] == nil})
		require.ErrorIs(t, errs[2], errFlaky)

		a = &acked{n: 8}
		run(t, false, operator.Map(func(_ context.Context, b []int) (int, error) {
			if slices.Contains(b, 4) {
				return 0, errFlaky
			}
			return len(b), nil
		}), nil, fed(a, operator.Batch[int](3, 0)))
		for i, err := range a.once(t) {
			if i >= 3 && i < 6 {
				require.ErrorIs(t, err, errFlaky, i)
			} else {
				require.NoError(t, err, i)
			}
		}
	})
}

// One acknowledgement for many values comes when the last of them is done.
func TestValuesThatShareAReceipt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		var at []time.Duration
		src := stages.SourceFunc[int](func(_ context.Context, out *stages.Outlet[int]) error {
			note := func(error) { at = append(at, time.Since(begun)) }
			out.EmitAcked(note) // of nothing: at once
			out.EmitAcked(note, 1, 2, 3)
			return nil
		})
		r := through(t, src, operator.Map(takes(time.Second)))
		require.Equal(t, []int{1, 2, 3}, r.out)
		require.Equal(t, []time.Duration{0, 3 * time.Second}, at)
	})
}

// Folding what folds: batches of values that were folded already.
func TestReceiptsOfReceipts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		heard := map[int]int{}
		src := stages.SourceFunc[int](func(_ context.Context, out *stages.Outlet[int]) error {
			for i := range 5 {
				out.EmitAcked(func(err error) { heard[i]++ }, i, i+10)
			}
			out.Emit(99) // owes nothing
			return nil
		})
		r := run(t, false, operator.Batch[[]int](2, 0), nil, fed(src, operator.Batch[int](3, 0)))
		require.Len(t, r.out, 2)
		require.Equal(t, map[int]int{0: 1, 1: 1, 2: 1, 3: 1, 4: 1}, heard)
	})
}

func TestAnAbortIsHeardToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &acked{n: 10, gap: time.Second}
		r := through(t, a, operator.Map(takes(1500*time.Millisecond)), after(5200*time.Millisecond, abort))
		require.False(t, a.took)
		require.Len(t, a.errs, len(r.out)+len(r.failed), "all that were taken")
		for _, errs := range a.errs {
			require.Len(t, errs, 1)
		}
		require.ErrorIs(t, a.errs[4][0], stages.ErrAborted)
	})
}

func TestReceiptsInAnUntimedRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &acked{n: 5}
		r := drive(t, true, a, operator.Map(same, stages.Workers(2)))
		require.Equal(t, upTo(5), r.out)
		require.Equal(t, make([]error, 5), a.once(t))
		require.Zero(t, r.times[0].Len())
	})
}

// The function that acknowledges is user code: its panic stops the run, and the item has left.
func TestAnAcknowledgementThatPanicsStopsTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := stages.SourceFunc[int](func(ctx context.Context, out *stages.Outlet[int]) error {
			for i := 0; ctx.Err() == nil; i++ {
				out.EmitAcked(func(error) {
					if i == 3 {
						panic(errFlaky)
					}
				}, i)
				time.Sleep(time.Second)
			}
			return nil
		})
		r := through(t, src, operator.Map(same))
		require.ErrorIs(t, r.err, errFlaky)
		require.ErrorContains(t, r.err, `stage "source": acknowledgement`)
		require.Equal(t, upTo(4), r.out)
	})
}

package stages

import (
	"math"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestABatchIsFullWhenItWeighsEnough(t *testing.T) {
	for name, tt := range map[string]struct {
		in   []int
		want [][]int
	}{
		"up to the limit":     {[]int{4, 6, 1, 9}, [][]int{{4, 6}, {1, 9}}},
		"not beyond it":       {[]int{4, 7, 3, 1}, [][]int{{4}, {7, 3}, {1}}},
		"too heavy, alone":    {[]int{1, 11, 2, 100, 3}, [][]int{{1}, {11}, {2}, {100}, {3}}},
		"too heavy, first":    {[]int{11, 1}, [][]int{{11}, {1}}},
		"of no weight":        {[]int{0, 0, 10, 0}, [][]int{{0, 0, 10}, {0}}},
		"by number":           {[]int{1, 1, 1, 1, 1, 1}, [][]int{{1, 1, 1, 1, 1}, {1}}},
		"as heavy as can be":  {[]int{1, math.MaxInt, math.MaxInt, 1}, [][]int{{1}, {math.MaxInt}, {math.MaxInt}, {1}}},
		"the limit, then all": {[]int{10, 5, 5}, [][]int{{10}, {5, 5}}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := through(t, Slice(tt.in), Batch[int](5, 0, Weight(10, itself)))
				require.Equal(t, tt.want, r.out)
				require.Equal(t, int64(len(tt.in)-len(tt.want)), r.ledger().Folded)
			})
		})
	}
}

// The delay counts from the first item, also from one that made another batch
// leave.
func TestAHeavyItemBeginsTheDelayAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// 0, 1, 2, ... come a second apart: 0 to 3 weigh 6 at 3s, 4 makes them leave at 4s.
		r := through(t, every(time.Second, 6), Batch[int](100, 90*time.Second, Weight(9, itself)))
		require.Equal(t, [][]int{{0, 1, 2, 3}, {4, 5}}, r.out)
		require.Equal(t, 4*time.Second, r.times[0].Total())
		r = through(t, every(10*time.Second, 4), Batch[int](100, 25*time.Second, Weight(2, itself)))
		require.Equal(t, [][]int{{0, 1}, {2}, {3}}, r.out)
		require.Equal(t, 20*time.Second, r.times[0].Total(), "1 and 2 are too heavy together")
		require.Zero(t, r.times[1].Total(), "2 is as much as there may be")
	})
}

func TestAWeightThatIsNoneFailsItsItem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, Slice([]int{1, -1, 2, 50, 3}), Batch[int](10, 0, Weight(10, func(v int) int {
			if v == 50 {
				panic(errGone)
			}
			return v
		})))
		require.Equal(t, []string{"!", "!", "[1 2 3]"}, r.order)
		require.ErrorContains(t, r.failed[0], "weight of an item is negative: -1")
		require.ErrorIs(t, r.failed[1], errGone)
	})
}

func TestGoexitInAWeightLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, Slice(upTo(9)), Batch[int](100, 0, Weight(100, func(v int) int {
			if v == 3 {
				runtime.Goexit()
			}
			return v
		})))
		require.Equal(t, [][]int{{0, 1, 2, 4, 5, 6, 7, 8}}, r.out)
		require.ErrorIs(t, r.failed[0], ErrGoexit)
	})
}

func TestWeightRefusesWhatIsWrong(t *testing.T) {
	require.ErrorContains(t, Batch[int](1, 0, Weight(0, itself)).(Validator).Validate(), "weight limit must be at least 1, not 0")
	require.ErrorContains(t, Batch[int](1, 0, Weight[int](1, nil)).(Validator).Validate(), "weight function is nil")
	s := Batch[string](1, 0, Weight(1, itself))
	require.EqualError(t, s.(Validator).Validate(), "weight has a func(int) int, and the items of the stage need a func(string) int")
	rt := NewRuntime(t.Context(), false, "source", "stage", "sink")
	defer rt.Close()
	out, in := Link[string](rt, rt.Nodes()[0], rt.Nodes()[1], 1)
	next, _ := Link[[]string](rt, rt.Nodes()[1], rt.Nodes()[2], 1)
	out.close()
	require.ErrorContains(t, s.Run(t.Context(), in, next), "weight has a func(int) int", "also where nobody validates")
}

// What is at hand when the intake stops leaves at once, and together.
func TestAStopLetsTheBatchInTheMakingGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// The map above takes 10s an item: what it has begun on comes in the drain.
		r := run(t, false, Batch[int](100, time.Hour), []func(*Runtime){after(25*time.Second, stop)},
			fed(every(time.Second, 3), Map(takes(10*time.Second))))
		require.Equal(t, [][]int{{0, 1}, {2}}, r.out)
		require.Equal(t, 15*time.Second, r.times[0].At(1).Wait, "until the stop")
		require.Equal(t, 30*time.Second, r.took)
		r = run(t, false, Batch[int](100, 0), []func(*Runtime){after(5*time.Second, stop)},
			fed(Slice(upTo(3)), Map(takes(10*time.Second))))
		require.Equal(t, [][]int{{0}, {1}, {2}}, r.out, "also without a delay")
	})
}

// Batches by weight partition what comes: in order, none empty, none too heavy
// but those of one item, and none that the next item would still have fitted in.
func FuzzBatchByWeight(f *testing.F) {
	f.Add(uint8(3), uint8(20), []byte{1, 0, 0, 40, 2})
	f.Add(uint8(200), uint8(1), []byte{9, 0, 0, 9})
	f.Fuzz(func(t *testing.T, size, limit uint8, weights []byte) {
		synctest.Test(t, func(t *testing.T) {
			n, most := max(int(size), 1), max(int(limit), 1)
			r := through(t, Slice(weights), Batch[byte](n, 0, Weight(most, func(b byte) int { return int(b) })))
			var all []byte
			for i, b := range r.out {
				require.NotEmpty(t, b)
				require.LessOrEqual(t, len(b), n)
				total := 0
				for _, w := range b {
					total += int(w)
				}
				if len(b) > 1 {
					require.LessOrEqual(t, total, most)
				}
				if i+1 < len(r.out) && len(b) < n && total < most {
					require.Greater(t, total+int(r.out[i+1][0]), most, "the next one would have fitted")
				}
				all = append(all, b...)
			}
			require.Equal(t, string(weights), string(all))
		})
	})
}

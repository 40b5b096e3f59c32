package operator_test

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/internal/typed"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/operator"
	"github.com/weir-go/weir/stages/source"
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
				r := through(t, source.Slice(tt.in), operator.Batch[int](5, 0, stages.Weight(10, itself)))
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
		r := through(t, every(time.Second, 6), operator.Batch[int](100, 90*time.Second, stages.Weight(9, itself)))
		require.Equal(t, [][]int{{0, 1, 2, 3}, {4, 5}}, r.out)
		require.Equal(t, 4*time.Second, r.times[0].Total())
		r = through(t, every(10*time.Second, 4), operator.Batch[int](100, 25*time.Second, stages.Weight(2, itself)))
		require.Equal(t, [][]int{{0, 1}, {2}, {3}}, r.out)
		require.Equal(t, 20*time.Second, r.times[0].Total(), "1 and 2 are too heavy together")
		require.Zero(t, r.times[1].Total(), "2 is as much as there may be")
	})
}

func TestAWeightThatIsNoneFailsItsItem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, source.Slice([]int{1, -1, 2, 50, 3}), operator.Batch[int](10, 0, stages.Weight(10, func(v int) int {
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

func TestWeightRefusesWhatIsWrong(t *testing.T) {
	require.ErrorContains(t, validate(operator.Batch[int](1, 0, stages.Weight(0, itself))), "weight limit must be at least 1, not 0")
	require.ErrorContains(t, validate(operator.Batch[int](1, 0, stages.Weight[int](1, nil))), "weight function is nil")
	s := operator.Batch[string](1, 0, stages.Weight(1, itself))
	require.EqualError(t, s.(stages.Validator).Validate(), "weight has a func(int) int, and the items of the stage need a func(string) int")
	k := kernel.NewRun(t.Context(), true, false)
	defer k.Close()
	in, out := new(stages.Inlet[string]), new(stages.Outlet[[]string])
	kernel.Bind(in, kernel.NewInlet(k.Link(k.NewNode("source"), k.NewNode("stage"), 1, typed.Of[string]()), nil, false))
	require.ErrorContains(t, s.Run(t.Context(), in, out), "weight has a func(int) int", "also if the flow is not validated")
}

// Batches by weight partition what comes: in order, none empty, none too heavy
// but those of one item, and none that the next item would still have fitted in.
func FuzzBatchByWeight(f *testing.F) {
	f.Add(uint8(3), uint8(20), []byte{1, 0, 0, 40, 2})
	f.Add(uint8(200), uint8(1), []byte{9, 0, 0, 9})
	f.Fuzz(func(t *testing.T, size, limit uint8, weights []byte) {
		synctest.Test(t, func(t *testing.T) {
			n, most := max(int(size), 1), max(int(limit), 1)
			r := through(t, source.Slice(weights), operator.Batch[byte](n, 0, stages.Weight(most, func(b byte) int { return int(b) })))
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

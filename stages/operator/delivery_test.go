package operator_test

import (
	"context"
	"iter"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/primitives/limiter"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/operator"
)

// runs is every operator that keeps, drops or joins items, as a run of its own
// behind a Map that fails two thirds of what the source brings.
func runs() map[string]func(*testing.T, stages.Source[int], ...func(*kernel.Run)) {
	second := stages.EventTime(seconds, 3*time.Second)
	return map[string]func(*testing.T, stages.Source[int], ...func(*kernel.Run)){
		"Scan":                 behindThirds(operator.Scan(0, sum)),
		"Reduce":               behindThirds(operator.Reduce(0, sum)),
		"Take":                 behindThirds(operator.Take[int](3)),
		"Skip":                 behindThirds(operator.Skip[int](3)),
		"DistinctUntilChanged": behindThirds(operator.DistinctUntilChanged(func(v int) int { return v / 6 })),
		"Batch":                behindThirds(operator.Batch[int](3, 5*time.Second, stages.Weight(20, itself))),
		"Debounce":             behindThirds(operator.Debounce[int](4*time.Second, stages.MaxWait(time.Minute))),
		"Delay":                behindThirds(operator.Delay[int](7*time.Second, stages.Capacity(3))),
		"FlatMap":              behindThirds(operator.FlatMap(times)),
		"MapBatch":             behindThirds(operator.MapBatch(3, 5*time.Second, func(_ context.Context, vs []int) ([]int, error) { return vs, nil })),
		"Remember":             behindThirds(operator.Remember[int]()),
		"Deadline":             behindThirds(operator.Deadline[int](time.Hour)),
		"Throttle":             behindThirds(operator.Throttle[int](limiter.Every(2*time.Second), nil)),
		"tumbling":             behindThirds(operator.Window[int](operator.Tumbling(10 * time.Second))),
		"sliding":              behindThirds(operator.Window[int](operator.Sliding(10*time.Second, 3*time.Second), stages.Capacity(10))),
		"sliding, event time":  behindThirds(operator.Window[int](operator.Sliding(10*time.Second, 3*time.Second), second)),
		"session":              behindThirds(operator.Window[int](operator.Session(4 * time.Second))),
		"session, event time":  behindThirds(operator.Window[int](operator.Session(4*time.Second), second, stages.Capacity(5))),
		"Lanes":                behindThirds(operator.Lanes(func(v int) int { return v % 2 }, takes(3*time.Second), stages.Workers(2))),
		"block":                behindThirds(operator.Overflow[int](2, stages.Block)),
		"drop newest":          behindThirds(operator.Overflow[int](2, stages.DropNewest)),
		"drop oldest":          behindThirds(operator.Overflow[int](2, stages.DropOldest)),
	}
}

func behindThirds[O any](s stages.Stage[int, O]) func(*testing.T, stages.Source[int], ...func(*kernel.Run)) {
	return func(t *testing.T, src stages.Source[int], control ...func(*kernel.Run)) {
		t.Helper()
		behindMap(t, src, thirds, s, control...)
	}
}

// twice makes two values of each.
func twice(_ context.Context, v int) (iter.Seq[int], error) { return slices.Values([]int{v, v}), nil }

// However an operator treats an item, its source hears of it, once.
func TestASourceHearsOnceWhateverAnOperatorDoes(t *testing.T) {
	for how, control := range map[string][]func(*kernel.Run){
		"to the end": nil,
		"stopped":    {after(20500*ms, stop)},
		"aborted":    {after(20500*ms, abort)},
	} {
		for name, run := range runs() {
			t.Run(name+" "+how, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					a := &acked{n: 60, gap: time.Second}
					run(t, a, control...)
					for i := range a.n {
						if how == "aborted" && len(a.errs[i]) == 0 {
							require.Greater(t, i, 19, "it came before the abort")
							continue
						}
						require.Len(t, a.errs[i], 1, "item %d", i)
						err := a.errs[i][0]
						switch {
						case i%3 > 0 && i < 20:
							require.ErrorIs(t, err, []error{nil, errOdd, errFlaky}[i%3])
						case how != "aborted" && i%3 == 0 && err != nil:
							// sum cannot do with 6, and what it is a part of fails with it.
							require.Contains(t, []string{"Scan", "Reduce"}, name)
						}
					}
				})
			})
		}
	}
}

// What fails below a stage is told to the source of each item that is in it.
func TestAFailureBelowIsThatOfAllItems(t *testing.T) {
	for name, s := range map[string]stages.Stage[int, int]{
		"Reduce": operator.Reduce(1, sum), "Scan": operator.Scan(1, sum), "Delay": operator.Delay[int](time.Second),
		"FlatMap": operator.FlatMap(twice), "Remember": operator.Remember[int](),
		"block": operator.Overflow[int](2, stages.Block), "Lanes": operator.Lanes(itself, same),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := &acked{n: 4}
				run(t, false, operator.Map(fails), nil, fed(a, s))
				for _, err := range a.once(t) {
					require.ErrorIs(t, err, errFlaky)
				}
			})
		})
	}
}

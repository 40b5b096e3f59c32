package stages

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// runs is every operator that keeps, drops or joins items, as a run of its own
// behind a Map that fails two thirds of what the source brings.
func runs() map[string]func(*testing.T, Source[int], ...func(*Runtime)) {
	second := EventTime(seconds, 3*time.Second)
	return map[string]func(*testing.T, Source[int], ...func(*Runtime)){
		"Scan":                 behindThirds(Scan(0, sum)),
		"Reduce":               behindThirds(Reduce(0, sum)),
		"Take":                 behindThirds(Take[int](3)),
		"Skip":                 behindThirds(Skip[int](3)),
		"DistinctUntilChanged": behindThirds(DistinctUntilChanged(func(v int) int { return v / 6 })),
		"Batch":                behindThirds(Batch[int](3, 5*time.Second, Weight(20, itself))),
		"Debounce":             behindThirds(Debounce[int](4*time.Second, MaxWait(time.Minute))),
		"Delay":                behindThirds(Delay[int](7*time.Second, Capacity(3))),
		"tumbling":             behindThirds(Window[int](Tumbling(10 * time.Second))),
		"sliding":              behindThirds(Window[int](Sliding(10*time.Second, 3*time.Second), Capacity(10))),
		"sliding, event time":  behindThirds(Window[int](Sliding(10*time.Second, 3*time.Second), second)),
		"session":              behindThirds(Window[int](Session(4 * time.Second))),
		"session, event time":  behindThirds(Window[int](Session(4*time.Second), second, Capacity(5))),
		"block":                behindThirds(Overflow[int](2, Block)),
		"drop newest":          behindThirds(Overflow[int](2, DropNewest)),
		"drop oldest":          behindThirds(Overflow[int](2, DropOldest)),
	}
}

func behindThirds[O any](s Stage[int, O]) func(*testing.T, Source[int], ...func(*Runtime)) {
	return func(t *testing.T, src Source[int], control ...func(*Runtime)) {
		t.Helper()
		behindMap(t, src, thirds, s, control...)
	}
}

// However an operator treats an item, its source hears of it, once.
func TestASourceHearsOnceWhateverAnOperatorDoes(t *testing.T) {
	for how, control := range map[string][]func(*Runtime){
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
	for name, s := range map[string]Stage[int, int]{
		"Reduce": Reduce(1, sum), "Scan": Scan(1, sum), "Delay": Delay[int](time.Second), "block": Overflow[int](2, Block),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := &acked{n: 4}
				run(t, false, Map(fails), nil, fed(a, s))
				for _, err := range a.once(t) {
					require.ErrorIs(t, err, errFlaky)
				}
			})
		})
	}
}

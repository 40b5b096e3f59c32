package operator_test

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/operator"
	"github.com/weir-go/weir/stages/source"
)

func TestBatchCountsItsDelayFromTheFirstItem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		trickle := source.Seq(func(yield func(int) bool) {
			for i := range 10 {
				if !yield(i) {
					return
				}
				time.Sleep(30 * time.Millisecond)
			}
		})
		r := through(t, trickle, operator.Batch[int](1000, 50*time.Millisecond))
		require.Equal(t, [][]int{{0, 1}, {2, 3}, {4, 5}, {6, 7}, {8, 9}}, r.out)
		for _, tm := range r.times {
			require.Equal(t, 50*time.Millisecond, tm.At(0).Wait)
		}
	})
}

func TestBatchFlushesAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, source.Slice(upTo(7)), operator.Batch[int](3, 0))
		require.Equal(t, [][]int{{0, 1, 2}, {3, 4, 5}, {6}}, r.out)
		require.Equal(t, int64(4), r.nodes[1].Ledger().Folded)
	})
}

// A batch that fills up takes its delay with it: the next one's begins anew.
func TestAFullBatchLeavesNoDelayBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// Items come at 0, 30, 60, ... ms. The third fills a batch at 60 ms, the next
		// one begins at 90 ms.
		r := through(t, every(30*time.Millisecond, 5), operator.Batch[int](3, 100*time.Millisecond))
		require.Equal(t, [][]int{{0, 1, 2}, {3, 4}}, r.out)
		require.Equal(t, 60*time.Millisecond, r.times[0].Total())
	})
}

func TestABatchWithoutDelayWaitsForTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, every(time.Hour, 4), operator.Batch[int](3, 0))
		require.Equal(t, [][]int{{0, 1, 2}, {3}}, r.out)
	})
}

// The fault: the end of the items at hand was computed as their place plus the size, which overflowed.
func TestABatchOfAnySize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bursts := source.Seq(func(yield func(int) bool) {
			for i := 0; i < 9 && yield(i); i++ {
				if i%3 == 2 {
					time.Sleep(time.Second)
				}
			}
		})
		r := through(t, bursts, operator.Batch[int](math.MaxInt, time.Millisecond))
		require.Equal(t, [][]int{{0, 1, 2}, {3, 4, 5}, {6, 7, 8}}, r.out)
	})
}

// Batches partition what comes: each value is in one of them, in order, and
// none is larger than asked for, or empty.
func FuzzBatch(f *testing.F) {
	f.Add(uint8(3), uint8(20), []byte{1, 0, 0, 40, 2})
	f.Add(uint8(1), uint8(0), []byte{9, 9, 9})
	f.Add(uint8(0), uint8(23), []byte{})
	f.Add(uint8(200), uint8(255), []byte{0, 0, 255, 255, 0, 1})
	f.Fuzz(func(t *testing.T, size, delay uint8, gaps []byte) {
		synctest.Test(t, func(t *testing.T) {
			n, d := max(int(size), 1), time.Duration(delay)*time.Millisecond
			r := through(t, source.Seq(func(yield func(int) bool) {
				for i, gap := range gaps {
					if time.Sleep(time.Duration(gap) * time.Millisecond); !yield(i) {
						return
					}
				}
			}), operator.Batch[int](n, d))
			all := []int{} // as upTo(0) is
			for i, b := range r.out {
				require.NotEmpty(t, b)
				require.LessOrEqual(t, len(b), n)
				if d > 0 {
					require.LessOrEqual(t, r.times[i].Total(), d)
				}
				all = append(all, b...)
			}
			require.Equal(t, upTo(len(gaps)), all)
			require.Equal(t, int64(len(gaps)-len(r.out)), r.ledger().Folded)
		})
	})
}

// A failure has waited long enough: it passes the batch in the making.
func TestAFailureDoesNotWaitForABatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := behindMap(t, every(time.Second, 4), thirds, operator.Batch[int](10, time.Minute))
		require.Equal(t, []string{"!", "!", "[0 3]"}, r.order)
		require.Zero(t, r.times[0].Total())
	})
}

func TestAnAbortLetsTheBatchInTheMakingGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, every(time.Second, 10), operator.Batch[int](100, time.Hour), after(2500*time.Millisecond, abort))
		require.Equal(t, [][]int{{0, 1, 2}}, r.out, "what is done is delivered")
		require.Equal(t, 2500*time.Millisecond, r.took)
	})
}

// What is at hand when the intake stops leaves at once, and together.
func TestAStopLetsTheBatchInTheMakingGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// The map above takes 10s an item: what it has begun on comes in the drain.
		r := run(t, false, operator.Batch[int](100, time.Hour), []func(*kernel.Run){after(25*time.Second, stop)},
			fed(every(time.Second, 3), operator.Map(takes(10*time.Second))))
		require.Equal(t, [][]int{{0, 1}, {2}}, r.out)
		require.Equal(t, 15*time.Second, r.times[0].At(1).Wait, "until the stop")
		require.Equal(t, 30*time.Second, r.took)
		r = run(t, false, operator.Batch[int](100, 0), []func(*kernel.Run){after(5*time.Second, stop)},
			fed(source.Slice(upTo(3)), operator.Map(takes(10*time.Second))))
		require.Equal(t, [][]int{{0}, {1}, {2}}, r.out, "also without a delay")
	})
}

// Each slice belongs to its receiver, who may keep it and write to it.
func TestABatchIsItsReceivers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, source.Slice(upTo(9)), operator.Batch[int](3, 0))
		for _, b := range r.out {
			clear(b)
			_ = append(b, -1)
		}
		require.Equal(t, [][]int{{0, 0, 0}, {0, 0, 0}, {0, 0, 0}}, r.out)
		r2 := through(t, source.Slice(upTo(2000)), operator.Batch[int](5000, 0))
		require.Equal(t, upTo(2000), r2.out[0])
	})
}

// A batch of a busy stream leaves in time.
func TestABusyBatchIsStillInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, every(time.Microsecond, 5000), operator.Batch[int](1_000_000, time.Millisecond))
		require.Len(t, r.out, 5)
		for _, tm := range r.times {
			require.LessOrEqual(t, tm.Total(), time.Millisecond)
		}
	})
}

// A stage that always has an item at hand hears its timer. The fault: a stage looked at the timer
// only while it had nothing to do, and a busy one kept its batch until the end of the stream.
func TestABatchThatIsNeverIdleIsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slowly := func(int) int { time.Sleep(time.Millisecond); return 0 }
		r := through(t, source.Slice(upTo(1000)), operator.Batch[int](1_000_000, 100*time.Millisecond+1, stages.Weight(1, slowly)))
		require.Greater(t, len(r.out), 5)
		for _, tm := range r.times {
			require.Less(t, tm.Total(), 200*time.Millisecond, "the delay, and what was on the edge")
		}
	})
}

func TestBatchRefusesWhatIsWrong(t *testing.T) {
	require.ErrorContains(t, validate(operator.Batch[int](0, 0)), "batch size must be at least 1")
	require.ErrorContains(t, validate(operator.Batch[int](1, -1)), "batch delay is negative")
	require.NoError(t, validate(operator.Batch[int](1, 0)))
}

package stages

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// A batch that fills up takes its delay with it: the next one's begins anew.
func TestAFullBatchLeavesNoDelayBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// Items come at 0, 30, 60, ... ms. The third fills a batch at 60 ms, the next
		// one begins at 90 ms.
		r := through(t, every(30*time.Millisecond, 5), Batch[int](3, 100*time.Millisecond))
		require.Equal(t, [][]int{{0, 1, 2}, {3, 4}}, r.out)
		require.Equal(t, 60*time.Millisecond, r.times[0].Total())
	})
}

func TestABatchWithoutDelayWaitsForTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, every(time.Hour, 4), Batch[int](3, 0))
		require.Equal(t, [][]int{{0, 1, 2}, {3}}, r.out)
	})
}

// Batches partition what comes: each value is in one of them, in order, and
// none is larger than asked for, or empty.
func FuzzBatch(f *testing.F) {
	f.Add(uint8(3), uint8(20), []byte{1, 0, 0, 40, 2})
	f.Add(uint8(1), uint8(0), []byte{9, 9, 9})
	f.Add(uint8(200), uint8(255), []byte{0, 0, 255, 255, 0, 1})
	f.Fuzz(func(t *testing.T, size, delay uint8, gaps []byte) {
		synctest.Test(t, func(t *testing.T) {
			n, d := max(int(size), 1), time.Duration(delay)*time.Millisecond
			r := through(t, Seq(func(yield func(int) bool) {
				for i, gap := range gaps {
					if time.Sleep(time.Duration(gap) * time.Millisecond); !yield(i) {
						return
					}
				}
			}), Batch[int](n, d))
			var all []int
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
		r := behindMap(t, every(time.Second, 4), thirds, Batch[int](10, time.Minute))
		require.Equal(t, []string{"!", "!", "[0 3]"}, r.order)
		require.Zero(t, r.times[0].Total())
	})
}

func TestAnAbortLetsTheBatchInTheMakingGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, every(time.Second, 10), Batch[int](100, time.Hour), after(2500*time.Millisecond, abort))
		require.Equal(t, [][]int{{0, 1, 2}}, r.out, "what is done is delivered")
		require.Equal(t, 2500*time.Millisecond, r.took)
	})
}

// Each slice belongs to its receiver, who may keep it and write to it.
func TestABatchIsItsReceivers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, Slice(upTo(9)), Batch[int](3, 0))
		for _, b := range r.out {
			clear(b)
			_ = append(b, -1)
		}
		require.Equal(t, [][]int{{0, 0, 0}, {0, 0, 0}, {0, 0, 0}}, r.out)
		r2 := through(t, Slice(upTo(2000)), Batch[int](5000, 0))
		require.Equal(t, upTo(2000), r2.out[0])
	})
}

// A batch's timer is heard also where items never cease.
func TestABusyBatchIsStillInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, every(time.Microsecond, 5000), Batch[int](1_000_000, time.Millisecond))
		require.Len(t, r.out, 5)
		for _, tm := range r.times {
			require.LessOrEqual(t, tm.Total(), time.Millisecond)
		}
	})
}

func TestBatchRefusesWhatIsWrong(t *testing.T) {
	require.ErrorContains(t, Batch[int](0, 0).(Validator).Validate(), "batch size must be at least 1")
	require.ErrorContains(t, Batch[int](1, -1).(Validator).Validate(), "batch delay is negative")
	require.NoError(t, Batch[int](1, 0).(Validator).Validate())
}

func TestFilterFailsAndRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, Slice(upTo(6)), Filter(func(_ context.Context, v int) (bool, error) { return v%2 == 0, []error{nil, errOdd}[v/5] }))
		require.Equal(t, []string{"0", "2", "4", "!"}, r.order)
		require.ErrorIs(t, r.failed[0], errOdd)
		require.Error(t, Filter[int](nil).(Validator).Validate())
		require.Error(t, Map[int, int](nil, Workers(0)).(Validator).Validate())
		require.NoError(t, Map(same).(Validator).Validate())
	})
}

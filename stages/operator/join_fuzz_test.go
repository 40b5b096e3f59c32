package operator_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
)

// arrival is an item of a Join: on which side it comes, with which key, and when.
type arrival struct {
	side, key int
	at        time.Duration
}

// come is a source of the arrivals on one side, as places among all of them.
func come(all []arrival, side int) stages.Source[int] {
	return stages.SourceFunc[int](func(_ context.Context, out *stages.Outlet[int]) error {
		begun := time.Now()
		for i, a := range all {
			if a.side == side {
				time.Sleep(time.Until(begun.Add(a.at)))
				out.Emit(i)
			}
		}
		return nil
	})
}

// couples is a naive Join. It pairs each item with each item of the other side that has the same
// key and came less than d before.
func couples(all []arrival, d time.Duration) (pairs [][2]int, paired map[int]bool) {
	paired = map[int]bool{}
	for i, a := range all {
		for j, b := range all[:i] {
			if a.side != b.side && a.key == b.key && a.at-b.at < d {
				pair := [2]int{j, i}
				if a.side == 0 {
					pair = [2]int{i, j}
				}
				pairs = append(pairs, pair)
				paired[i], paired[j] = true, true
			}
		}
	}
	return pairs, paired
}

// FuzzJoin compares a Join with a model that is simple, and slow.
func FuzzJoin(f *testing.F) {
	f.Add(uint8(10), []byte{0, 1, 8, 9, 32, 33, 2, 3, 250, 251})
	many := make([]byte, 200) // more than a ring holds at first, and more than once around it
	for i := range many {
		many[i] = byte(i * 37)
	}
	f.Add(uint8(40), many)
	f.Add(uint8(255), many)
	f.Fuzz(func(t *testing.T, d uint8, bytes []byte) {
		synctest.Test(t, func(t *testing.T) {
			window := time.Duration(d)*time.Millisecond + time.Millisecond
			var all []arrival
			at := time.Duration(0)
			for _, b := range bytes[:min(len(bytes), 300)] {
				at += time.Duration(1+b>>3) * time.Millisecond
				all = append(all, arrival{side: int(b & 1), key: int(b >> 1 & 3), at: at})
			}
			key := func(i int) int { return all[i].key }
			var rep flow.Report
			got, err := flow.From(come(all, 0)).Join(flow.From(come(all, 1)), window, key, key, func(a, b int) [2]int { return [2]int{a, b} }).
				Collect(t.Context(), flow.ReportTo(&rep))
			require.NoError(t, err)
			require.NoError(t, rep.Check())
			pairs, paired := couples(all, window)
			require.Equal(t, pairs, got)
			join, _ := rep.Stage("join")
			require.Equal(t, stages.Ledger{
				In: int64(len(all)), Derived: int64(len(pairs)), Out: int64(len(pairs)),
				Folded: int64(len(paired)), Filtered: int64(len(all) - len(paired)),
			}, join.Ledger)
		})
	})
}

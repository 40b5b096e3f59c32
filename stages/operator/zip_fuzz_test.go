package operator_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/source"
)

// The bits of what goes wrong with an item of a Zip.
const (
	failsBefore = 1 << iota // above both ways
	failsLeft
	failsRight
	panics // in the join function
	slowLeft
	slowRight
)

// FuzzZip sends items, of which some fail on their way, through two ways that come together
// again, or through two ways of their own. Each pair has its own partners, and each failure and
// each acknowledgement comes once.
func FuzzZip(f *testing.F) {
	f.Add(uint8(1), true, []byte{0, 1, 2, 4, 6, 8, 16, 32, 0, 0})
	f.Add(uint8(64), true, []byte{0, 0, 0, 0, 2, 2, 0, 4, 0, 6, 8, 8, 1, 0, 0, 0, 0})
	f.Add(uint8(3), false, []byte{16, 0, 0, 2, 32, 32, 0, 4, 6, 0, 8})
	f.Fuzz(func(t *testing.T, bound uint8, diamond bool, fates []byte) {
		fates = fates[:min(len(fates), 300)]
		synctest.Test(t, func(t *testing.T) {
			buffer := stages.Buffer(int(bound)%100 + 1)
			fails := func(how, slow byte) func(context.Context, int) (int, error) {
				return func(_ context.Context, v int) (int, error) {
					if fates[v]&slow != 0 {
						time.Sleep(time.Second)
					}
					if fates[v]&how != 0 {
						return 0, errFlaky
					}
					return v, nil
				}
			}
			a := &acked{n: len(fates)}
			var left, right *flow.Stream[int]
			if diamond {
				b := flow.From(a, stages.Name("all")).Map("before", fails(failsBefore, 0)).Broadcast(2)
				left, right = b[0], b[1]
			} else {
				left, right = flow.From(a, stages.Name("all")), flow.From(source.Slice(upTo(len(fates))))
			}
			zipped := left.Map("left", fails(failsLeft, slowLeft), buffer).Zip(right.Map("right", fails(failsRight, slowRight), buffer), func(a, b int) [2]int {
				if fates[a]&panics != 0 {
					panic(errOdd)
				}
				return [2]int{a, b}
			}, buffer)
			var want, got [][2]int
			failures, failed := 0, 0
			for v, fate := range fates {
				switch {
				case diamond && fate&failsBefore != 0:
					failures++
				case fate&(failsLeft|failsRight) == failsLeft|failsRight:
					failures += 2
				case fate&(failsLeft|failsRight|panics) != 0:
					failures++
				default:
					want = append(want, [2]int{v, v})
				}
			}
			var rep flow.Report
			for r := range zipped.Results(t.Context(), flow.ReportTo(&rep)) {
				if r.Err != nil {
					failed++
				} else {
					got = append(got, r.Value)
				}
			}
			require.NoError(t, rep.Check())
			require.Equal(t, want, got)
			require.Equal(t, failures, failed)
			a.once(t)
		})
	})
}

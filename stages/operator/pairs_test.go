package operator_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/operator"
	"github.com/weir-go/weir/stages/source"
)

// pairings are the ways to make one item of two.
var pairings = map[string]func(a, b *flow.Stream[int]) *flow.Stream[int]{
	"Zip":  func(a, b *flow.Stream[int]) *flow.Stream[int] { return a.Zip(b, first) },
	"Join": func(a, b *flow.Stream[int]) *flow.Stream[int] { return a.Join(b, time.Minute, zero, zero, first) },
}

func zero(int) int { return 0 }

func failZero(_ context.Context, v int) (int, error) {
	if v == 0 {
		return 0, errFlaky
	}
	return v, nil
}

// A dead letter of a pair has what both were, since both are gone with it.
func TestAPairRemembersWhatBothWere(t *testing.T) {
	for name, pair := range pairings {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := flow.From(source.Slice([]int{7})).Via("one", operator.Remember[int]()).Map("less", plus(-7))
				b := flow.From(source.Slice([]int{8})).Via("other", operator.Remember[int]()).Map("none", plus(-8))
				var kept *stages.ItemError
				collect(t, pair(a, b).Map("call", failZero).DeadLetter(func(_ context.Context, e *stages.ItemError) error {
					kept = e
					return nil
				}))
				require.Equal(t, stages.Origins{7, 8}, kept.Origin)
			})
		})
	}
}

// A pair of two calls is not ended by one of the two callers who leaves.
func TestServeThroughAPairOfCalls(t *testing.T) {
	for name, pair := range pairings {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, err := flow.Serve(t.Context(), func(in *flow.Stream[int]) *flow.Stream[int] {
					way := in.Partition(2, func(v int) int { return v % 2 })
					return pair(way[0], way[1]).Map("slow", func(ctx context.Context, v int) (int, error) {
						select {
						case <-time.After(time.Second):
							return v, nil
						case <-ctx.Done():
							return 0, ctx.Err()
						}
					})
				})
				require.NoError(t, err)
				var wg sync.WaitGroup
				for v := range 2 {
					wg.Go(func() {
						ctx := t.Context()
						if v == 0 {
							var cancel func()
							ctx, cancel = context.WithTimeout(ctx, time.Millisecond)
							defer cancel()
						}
						r := s.Do(ctx, v)
						if v == 0 {
							assert.ErrorIs(t, r.Err, context.DeadlineExceeded)
						} else {
							assert.NoError(t, r.Err)
						}
					})
				}
				wg.Wait()
				s.Stop()
				rep, err := s.Wait()
				require.NoError(t, err)
				require.NoError(t, rep.Check())
			})
		})
	}
}

// Beyond its bound a Join drops the oldest item, which has found no partner.
func TestAJoinKeepsNoMoreThanItMay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := flow.From(source.Slice(upTo(operator.MaxJoin + 1)))
		b := flow.From(source.Slice(upTo(3))).Delay(time.Second)
		var rep flow.Report
		got, err := a.Join(b, time.Hour, itself, itself, first).Collect(t.Context(), flow.ReportTo(&rep))
		require.NoError(t, err)
		require.NoError(t, rep.Check())
		require.Equal(t, []int{1, 2}, got)
		require.EqualValues(t, operator.MaxJoin, rep.Ledger.Filtered, "0, twice, and all but two of the others")
	})
}

func first(a, _ int) int { return a }

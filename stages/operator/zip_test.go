package operator_test

import (
	"context"
	"iter"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/operator"
	"github.com/weir-go/weir/stages/source"
)

// With small edges and one slow branch, a diamond must neither lock up nor mix
// up its pairs.
func TestDiamondsDoNotDeadlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, bound := range []int{1, 2, 64} {
			b := flow.From(source.Slice(upTo(400))).Broadcast(2, stages.Buffer(bound))
			left := b[0].Map("slow", nap, stages.Buffer(bound), stages.Workers(3))
			right := b[1].Batch(7, 0).FlatMap("open", func(_ context.Context, v []int) (iter.Seq[int], error) {
				return slices.Values(v), nil
			}, stages.Buffer(bound))
			pairs := collect(t, left.Zip(right, func(a, b int) []int { return []int{a, b} }, stages.Buffer(bound)))
			require.Len(t, pairs, 400)
			for i, p := range pairs {
				require.Equal(t, []int{i, i}, p)
			}
		}
	})
}

func TestZipKeepsThePlacesOfFailures(t *testing.T) {
	fails := func(at int) func(context.Context, int) (int, error) {
		return func(_ context.Context, v int) (int, error) {
			if v == at {
				return 0, errFlaky
			}
			return v, nil
		}
	}
	b := flow.From(source.Slice(upTo(10))).Map("before", fails(2)).Broadcast(2)
	zipped := b[0].Map("left", fails(4)).Zip(b[1].Map("right", fails(6)), func(a, b int) int { return 10*a + b })
	var failed []string
	got := collect(t, zipped.OnError(func(_ context.Context, e *stages.ItemError) (int, error) {
		failed = append(failed, e.Stage)
		return 0, stages.ErrDrop
	}))
	require.Equal(t, []int{0, 11, 33, 55, 77, 88, 99}, got)
	slices.Sort(failed)
	require.Equal(t, []string{"before", "left", "right"}, failed)
}

func TestZipEndsWithTheShorterStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		endless := source.Seq(func(yield func(int) bool) {
			for yield(1) {
			}
		})
		sum := func(a, b int) int { return a + b }
		require.Equal(t, []int{1, 2, 3}, collect(t, flow.From(source.Slice(upTo(3))).Zip(flow.From(endless), sum)))
		require.Equal(t, []int{1, 2, 3}, collect(t, flow.From(endless).Zip(flow.From(source.Slice(upTo(3))), sum)))
	})
}

// One way that drops items would keep the stage above waiting for ever.
func TestZipBreaksTheRunWhereTheWaysDriftApart(t *testing.T) {
	b := flow.From(source.Slice(make([]int, 2*operator.MaxDrift))).Broadcast(2)
	none := b[0].Filter("none", func(context.Context, int) (bool, error) { return false, nil })
	var rep flow.Report
	_, err := none.Zip(b[1], func(a, b int) int { return a }).Collect(t.Context(), flow.ReportTo(&rep))
	require.ErrorContains(t, err, "items ahead of the other")
	require.NoError(t, rep.Check())
}

func TestZipFailsTheItemsOfAPanic(t *testing.T) {
	a, b := flow.From(source.Slice(upTo(3))), flow.From(source.Slice(upTo(3)))
	var failed []error
	got := collect(t, a.Zip(b, func(a, _ int) int {
		if a == 1 {
			panic("odd")
		}
		return a
	}).OnError(func(_ context.Context, e *stages.ItemError) (int, error) {
		failed = append(failed, e)
		return 0, stages.ErrDrop
	}))
	require.Equal(t, []int{0, 2}, got)
	require.Len(t, failed, 1)
	require.ErrorContains(t, failed[0], "odd")
}

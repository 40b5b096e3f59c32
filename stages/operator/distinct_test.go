package operator_test

import (
	"errors"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/operator"
	"github.com/weir-go/weir/stages/source"
)

func TestDistinctUntilChangedDropsRepetitions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tens := func(v int) int {
			if v == 25 {
				panic(errGone)
			}
			return v / 10
		}
		r := through(t, source.Slice([]int{1, 2, 11, 3, 4, 25, 5, 21, 22}), operator.DistinctUntilChanged(tens))
		require.Equal(t, []string{"1", "11", "3", "!", "21"}, r.order)
		require.Equal(t, stages.Ledger{In: 9, Out: 4, Failed: 1, Filtered: 4}, r.ledger())
		require.True(t, errors.Is(r.failed[0], errGone))
		require.Error(t, validate(operator.DistinctUntilChanged[int, int](nil)))
	})
}

// The fault: an item whose key cannot be compared ended the run, and a key that is not equal
// to itself made its item pass as a change. Such a key fails its item and changes nothing.
func TestDistinctUntilChangedRefusesBadKeys(t *testing.T) {
	for kind, same := range map[string]func(int) any{
		"unhashable":          func(v int) any { return unhashable(v % 10) },
		"not equal to itself": func(v int) any { return nan(v % 10) },
		"in an array":         func(v int) any { return buried(v % 10) },
	} {
		t.Run(kind, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := through(t, source.Slice([]int{2, 1, 2, 11, 12, 3, 2}), operator.DistinctUntilChanged(same))
				require.Equal(t, []string{"!", "1", "!", "!", "3", "!"}, r.order, "11 has the key of 1")
				require.Equal(t, stages.Ledger{In: 7, Out: 2, Failed: 4, Filtered: 1}, r.ledger())
				require.NoError(t, r.err)
				for _, f := range r.failed {
					require.ErrorContains(t, f, "key ")
					require.Equal(t, 2, f.Value.(int)%10)
				}
			})
		})
	}
}

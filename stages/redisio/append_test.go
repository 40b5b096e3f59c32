package redisio_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/redisio"
)

// What a client cannot encode fails alone, and so does what the server refuses.
func TestEachValueOfAnAppendHasItsOwnError(t *testing.T) {
	c := connect(t)
	write := redisio.Append(c, t.Name(), 0, func(i int) (any, error) {
		switch i {
		case 1:
			return nil, errors.New("odd")
		case 2:
			return []any{"n", struct{}{}}, nil
		case 3:
			return []any{"a name without a value"}, nil
		}
		return []any{"n", i}, nil
	})
	var batch *stages.BatchError
	require.ErrorAs(t, write(t.Context(), []int{0, 1, 2, 3, 4}), &batch)
	require.Len(t, batch.Errs, 3)
	require.ErrorContains(t, batch.Errs[1], "odd")
	require.ErrorContains(t, batch.Errs[2], "marshal")
	require.ErrorContains(t, batch.Errs[3], "wrong number")
	require.EqualValues(t, 2, c.XLen(t.Context(), t.Name()).Val())
	require.ErrorAs(t, write(t.Context(), []int{1, 3}), &batch)
	require.ErrorContains(t, batch.Errs[1], "wrong number")
	require.ErrorContains(t, batch.Errs[0], "odd")
}

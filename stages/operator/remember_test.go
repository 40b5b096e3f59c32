package operator_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/stages/operator"
	"github.com/weir-go/weir/stages/source"
)

// A failure shows the value as it came, whatever it has become by then.
func TestAFailureRemembersItsOrigin(t *testing.T) {
	for _, untimed := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			text := operator.Map(func(_ context.Context, v int) (string, error) { return fmt.Sprint(v), nil })
			r := run(t, untimed, operator.Map(func(context.Context, string) (string, error) { return "", errFlaky }), nil,
				fedByTwo(source.Slice([]int{7, 8}), operator.Remember[int](), text))
			failed := r.failed
			require.Len(t, failed, 2)
			require.Equal(t, 7, failed[0].Origin)
			require.Equal(t, "7", failed[0].Value)
			require.Equal(t, 8, failed[1].Origin)
		})
	}
}

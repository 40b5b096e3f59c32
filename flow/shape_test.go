package flow_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages/operator"
	"github.com/weir-go/weir/stages/source"
)

// That it compiles, without a type argument, is half of the test: a method that
// returns a stream of what wraps T is none that the compiler takes as it is.
func TestAWindowIsInferredAndNests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s *flow.Stream[operator.WindowOf[operator.WindowOf[[]int]]] = flow.From(source.Slice(upTo(3))).
			Batch(2, 0).
			Window(operator.Tumbling(time.Hour)).
			Window(operator.Sliding(2*time.Hour, 2*time.Hour))
		got := all(t, s)
		require.Len(t, got, 1)
		require.Equal(t, [][]int{{0, 1}, {2}}, got[0].Items[0].Items)
	})
}

package stages

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

// A failure shows the value as it came, whatever it has become by then.
func TestAFailureRemembersItsOrigin(t *testing.T) {
	for _, untimed := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			rt := NewRuntime(t.Context(), untimed, "source", "remember", "text", "fail", "sink")
			defer rt.Close()
			n := rt.Nodes()
			out0, in1 := Link[int](rt, n[0], n[1], 8)
			out1, in2 := Link[int](rt, n[1], n[2], 8)
			out2, in3 := Link[string](rt, n[2], n[3], 8)
			out3, in4 := Link[string](rt, n[3], n[4], 8)
			go RunSource(Slice([]int{7, 8}), out0)
			go RunStage(Remember[int](), in1, out1)
			go RunStage(Map(func(_ context.Context, v int) (string, error) { return fmt.Sprint(v), nil }), in2, out2)
			go RunStage(Map(func(_ context.Context, v string) (string, error) { return "", errFlaky }), in3, out3)
			var failed []*ItemError
			RunSink(everything[string]{func(_ *Inlet[string], it Item[string]) { failed = append(failed, it.fault) }}, in4)
			require.Len(t, failed, 2)
			require.Equal(t, 7, failed[0].Origin)
			require.Equal(t, "7", failed[0].Value)
			require.Equal(t, 8, failed[1].Origin)
		})
	}
}

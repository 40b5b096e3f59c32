package sink_test

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/sink"
	"github.com/weir-go/weir/stages/source"
)

func TestForEachFailsDropsAndStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []int
		_, taken, err := deliver(t, source.Slice(upTo(100)), sink.ForEach(func(_ context.Context, v int) error {
			switch v {
			case 3:
				return stages.ErrDrop
			case 5:
				return errFlaky
			case 7:
				panic(errOdd)
			}
			got = append(got, v)
			return nil
		}))
		require.ErrorIs(t, err, errFlaky, "the first failure counts")
		require.ErrorContains(t, err, "and 1 more failed items")
		l := taken
		require.Equal(t, int64(1), l.Filtered)
		require.Equal(t, int64(2), l.Failed)
		require.Len(t, got, int(l.Out))
	})
}

func TestAGoexitInForEachLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, taken, err := deliver(t, source.Slice(upTo(100)), sink.ForEach(func(_ context.Context, v int) error {
			if v == 50 {
				runtime.Goexit()
			}
			return nil
		}))
		require.ErrorIs(t, err, stages.ErrGoexit)
		require.Positive(t, taken.Failed)
	})
}

// A sink that has seen enough stops the intake; what is on its way is dropped.
func TestASinkThatReturnsEarlyWantsNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen := 0
		brought, taken, err := deliver(t, source.Seq(forever(time.Millisecond)), stages.SinkFunc[int](func(_ context.Context, in *stages.Inlet[int]) error {
			for it := range in.All() {
				in.Done(it)
				if seen++; seen == 10 {
					return nil
				}
			}
			return nil
		}))
		require.NoError(t, err)
		require.Equal(t, int64(10), taken.Out)
		require.Less(t, brought.Out, int64(20))
	})
}

// A sink that breaks stops the run with its error, and what is on its way fails.
func TestASinkThatBreaksStopsTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, taken, err := deliver(t, source.Slice(upTo(100)), stages.SinkFunc[int](func(_ context.Context, in *stages.Inlet[int]) error {
			it, _ := in.Next()
			in.Done(it)
			return errFlaky
		}))
		require.ErrorIs(t, err, errFlaky)
		require.Equal(t, int64(1), taken.Out)
		require.Positive(t, taken.Failed)
	})
}

func TestSinksRefuseWhatIsMissing(t *testing.T) {
	for _, s := range []stages.Sink[int]{sink.Append[int](nil), sink.ForEach[int](nil), stages.SinkFunc[int](nil)} {
		require.ErrorContains(t, validate(s), "is nil", "%T", s)
	}
}

package sink_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/sink"
	"github.com/weir-go/weir/stages/source"
)

func TestIntoFeelsBackpressureAndTheAbort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ch := make(chan int)
		got, aborted := make(chan []int), make(chan struct{})
		go func() {
			var all []int
			for range 3 {
				all = append(all, <-ch)
				time.Sleep(time.Second)
			}
			got <- all // and receives no more until the abort
			<-aborted
			_, open := <-ch
			for open {
				_, open = <-ch
			}
		}()
		begun := time.Now()
		_, taken, err := deliver(t, source.Slice(upTo(10)), sink.Into(ch), func(r *flow.Run) {
			require.Equal(t, upTo(3), <-got)
			r.Abort(errGone)
			close(aborted)
		})
		require.ErrorIs(t, err, errGone)
		require.Equal(t, 3*time.Second, time.Since(begun))
		l := taken
		require.GreaterOrEqual(t, l.Out, int64(3))
		require.Equal(t, int64(10), l.Out+l.Failed)
	})
}

func TestIntoFailsWhatNobodyReceives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ch := make(chan int)
		_, taken, _ := deliver(t, source.Slice(upTo(10)), sink.Into(ch), after(time.Second, abort))
		require.Equal(t, stages.Ledger{In: 10, Failed: 10}, taken)
		_, open := <-ch
		require.False(t, open, "the sink closes what it has been given")
	})
}

func TestIntoRefusesNoChannel(t *testing.T) {
	require.ErrorContains(t, validate(sink.Into[int](nil)), "channel is nil")
}

// The fault: the item in the sink's hands was neither acknowledged nor in the books.
func TestIntoAClosedChannelFailsEachItemOnce(t *testing.T) {
	for name, open := range map[string]int{"closed before": 0, "closed meanwhile": 1} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ch := make(chan int)
				heard := map[int][]error{}
				src := stages.SourceFunc[int](func(_ context.Context, out *stages.Outlet[int]) error {
					for i := range 3 {
						if i == open {
							close(ch) // no send is at work
						}
						out.EmitAcked(func(err error) { heard[i] = append(heard[i], err) }, i)
						if i < open {
							<-ch
							synctest.Wait()
						}
					}
					return nil
				})
				_, taken, err := deliver(t, src, sink.Into(ch))
				require.ErrorContains(t, err, `stage "sink": the channel was closed before the end of the stream`)
				require.Equal(t, stages.Ledger{In: 3, Out: int64(open), Failed: int64(3 - open)}, taken)
				for i := range 3 {
					require.Len(t, heard[i], 1)
					require.Equal(t, i >= open, heard[i][0] != nil)
				}
			})
		})
	}
}

func TestIntoClosesTheChannelAlsoOfAnEmptyStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ch := make(chan int)
		_, _, err := deliver(t, source.Slice([]int{}), sink.Into(ch))
		require.NoError(t, err)
		_, open := <-ch
		require.False(t, open)
	})
}

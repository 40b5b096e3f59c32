package flow_test

import (
	"context"
	"io"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/ack"
	"github.com/weir-go/weir/stages/sink"
	"github.com/weir-go/weir/stages/source"
)

// offsets is a log of n positions, of which a poll brings some, and what is committed
// of it.
type offsets struct {
	n, poll int
	commits ack.Commits[string, int]
	next    int

	mu        sync.Mutex
	committed []int
	calls     int
}

func newOffsets(n int) *offsets {
	o := &offsets{n: n, poll: 7}
	o.commits.Commit = func(_ context.Context, upTo map[string]int) error {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.calls++
		o.committed = append(o.committed, upTo["log"])
		return nil
	}
	return o
}

// Run is what a source of a log does.
func (o *offsets) Run(ctx context.Context, out *stages.Outlet[int]) error {
	for o.next < o.n && ctx.Err() == nil {
		for range min(o.poll, o.n-o.next) {
			if err := o.commits.Emit(ctx, out, "log", o.next, o.next); err != nil {
				return err
			}
			o.next++
		}
	}
	return nil
}

// last is the last position that was committed, -1 for none.
func (o *offsets) last() int {
	if len(o.committed) == 0 {
		return -1
	}
	return o.committed[len(o.committed)-1]
}

// Items finish in any order. The watermark passes items that were
// dead-lettered or dropped, and stops at an item that has failed finally.
func TestCommitsPassOverDeadLettersAndHaltAtAFailure(t *testing.T) {
	const failed = 23
	for name, tt := range map[string]struct {
		join func(*flow.Stream[int]) *flow.Stream[int]
		last int
		opts []stages.MapOption
	}{
		"dead-lettered": {func(s *flow.Stream[int]) *flow.Stream[int] {
			return s.DeadLetter(func(context.Context, *stages.ItemError) error { return nil })
		}, 39, []stages.MapOption{stages.Unordered()}},
		"dropped": {func(s *flow.Stream[int]) *flow.Stream[int] {
			return s.OnError(func(context.Context, *stages.ItemError) (int, error) { return 0, stages.ErrDrop })
		}, 39, []stages.MapOption{stages.Unordered()}},
		"failed": {func(s *flow.Stream[int]) *flow.Stream[int] { return s }, failed - 1, []stages.MapOption{stages.Unordered()}},
		"failed in a batch": {func(s *flow.Stream[int]) *flow.Stream[int] {
			return s.OnError(func(_ context.Context, e *stages.ItemError) (int, error) { return e.Value.(int), nil }).
				Batch(5, 0).Map("all", holding(failed))
		}, 19, nil}, // of ordered ones: which are in a batch counts
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := newOffsets(40)
				s := flow.From(o).Map("work", func(_ context.Context, v int) (int, error) {
					time.Sleep(time.Duration(v%7) * time.Millisecond)
					if v == failed {
						return 0, errFlaky
					}
					return v, nil
				}, append(tt.opts, stages.Workers(5), stages.Buffer(40))...)
				rep, err := tt.join(s).To(takesAll{}).Run(t.Context())
				require.NoError(t, err)
				require.NoError(t, rep.Check())
				closed := o.commits.Close(t.Context())
				require.True(t, slices.IsSorted(o.committed))
				require.Equal(t, tt.last, o.last())
				if tt.last == 39 {
					require.NoError(t, closed)
				} else {
					require.ErrorIs(t, closed, ack.ErrHalted)
					require.ErrorIs(t, closed, errFlaky)
				}
			})
		})
	}
}

// A flow that is stopped while the window is full delivers what it commits, and no
// more: what the source could not begin is not emitted.
func TestAStoppedFlowCommitsAllItDelivers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffsets(1000)
		o.commits.Window = 4
		delivered := 0
		run, err := flow.From(o).Map("slow", func(_ context.Context, v int) (int, error) {
			time.Sleep(50 * time.Millisecond)
			return v, nil
		}).To(sink.ForEach(func(_ context.Context, v int) error { delivered++; return nil })).Start(t.Context())
		require.NoError(t, err)
		time.Sleep(320 * time.Millisecond)
		run.Stop()
		_, err = run.Wait()
		require.NoError(t, err)
		require.NoError(t, o.commits.Close(t.Context()))
		require.Equal(t, o.next, delivered)
		require.Equal(t, delivered-1, o.last())
		require.Less(t, delivered, 15)
	})
}

// Behind a position that has failed nothing is delivered that comes later.
func TestAHaltedPartitionDeliversNothingMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffsets(10)
		o.commits.Window = 4
		var delivered []int
		_, err := flow.From(o).Map("work", func(_ context.Context, v int) (int, error) {
			time.Sleep(time.Second)
			if v == 4 {
				return 0, errFlaky
			}
			return v, nil
		}).To(takesEvery[int]{&delivered}).Run(t.Context())
		require.ErrorIs(t, err, ack.ErrHalted)
		require.ErrorIs(t, err, errFlaky)
		require.Less(t, o.next, 10)
		require.ErrorIs(t, o.commits.Close(t.Context()), errFlaky)
		require.Equal(t, 3, o.last())
		require.Equal(t, o.next-1, len(delivered))
	})
}

// A poll that is larger than the window does not wait for itself.
func TestAPollLargerThanTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffsets(100)
		o.poll, o.commits.Window = 100, 5
		_, err := flow.From(o).To(sink.ForEach(func(context.Context, int) error { return nil })).Run(t.Context())
		require.NoError(t, err)
		require.NoError(t, o.commits.Close(t.Context()))
		require.Equal(t, 99, o.last())
	})
}

// A commit that is a call over the network does not hold up the flow, and what is done
// meanwhile is committed together.
func TestASlowCommitHoldsUpNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffsets(1000)
		commit := o.commits.Commit
		o.commits.Commit = func(ctx context.Context, upTo map[string]int) error {
			time.Sleep(2 * time.Millisecond)
			return commit(ctx, upTo)
		}
		start := time.Now()
		_, err := flow.From(o).Map("work", func(_ context.Context, v int) (int, error) {
			time.Sleep(time.Microsecond)
			return v, nil
		}).To(sink.ForEach(func(context.Context, int) error { return nil })).Run(t.Context())
		require.NoError(t, err)
		require.Less(t, time.Since(start), 2*time.Millisecond, "it took 2 s for a commit of 2 ms each")
		require.NoError(t, o.commits.Close(t.Context()))
		require.Equal(t, 999, o.last())
		require.LessOrEqual(t, o.calls, 2)
	})
}

// takesEvery is a sink that takes failures, and notes the values.
type takesEvery[T any] struct{ got *[]T }

func (takesEvery[T]) TakesFailures() bool { return true }

func (s takesEvery[T]) Run(_ context.Context, in *stages.Inlet[T]) error {
	for it := range in.All() {
		if it.Err() == nil {
			*s.got = append(*s.got, it.Value)
		}
		in.Done(it)
	}
	return nil
}

// The receipts of batches: each value has one acknowledgement, when both branches have
// done with it, also if they batch the batches again. The failure of one branch is the
// value's.
func TestReceiptsOfBatchesThatAreBroadcastAndBatchedAgain(t *testing.T) {
	for name, fails := range map[string]bool{"delivered": false, "failed": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const n = 24
				start := time.Now()
				acks := map[int][]error{}
				at := map[int]time.Duration{}
				next := 0
				var mu sync.Mutex
				src := source.Acked(func(context.Context) ([]source.Delivery[int], error) {
					if next == n {
						return nil, io.EOF
					}
					v := next
					next++
					return []source.Delivery[int]{{Value: v, Ack: func(err error) {
						mu.Lock()
						defer mu.Unlock()
						acks[v] = append(acks[v], err)
						at[v] = time.Since(start)
					}}}, nil
				})
				branches := flow.From(src).Batch(2, 0).Broadcast(2)
				quick := branches[0].Batch(3, 0)
				slow := branches[1].Batch(4, 0).Map("slow", func(_ context.Context, b [][]int) ([][]int, error) {
					time.Sleep(time.Second)
					if fails && slices.Contains(slices.Concat(b...), 10) {
						return nil, errFlaky
					}
					return b, nil
				})
				rep, err := quick.Merge(slow).To(takesEvery[[][]int]{new([][][]int)}).Run(t.Context())
				require.NoError(t, err)
				require.NoError(t, rep.Check())
				for v := range n {
					require.Len(t, acks[v], 1, v)
					require.Equal(t, time.Duration(v/8+1)*time.Second, at[v], v)
					if fails && v/8 == 1 {
						require.ErrorIs(t, acks[v][0], errFlaky, v)
					} else {
						require.NoError(t, acks[v][0], v)
					}
				}
			})
		})
	}
}

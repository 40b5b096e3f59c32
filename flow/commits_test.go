package flow_test

import (
	"context"
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
)

// offsets is a log of n positions, and what is committed of it.
type offsets struct {
	n         int
	commits   stages.Commits[string, int]
	next      int
	committed []int
}

func newOffsets(n int) *offsets {
	o := &offsets{n: n}
	o.commits.Commit = func(_ string, p int) error { // one at a time
		o.committed = append(o.committed, p)
		return nil
	}
	return o
}

func (o *offsets) read(ctx context.Context) ([]stages.Delivery[int], error) {
	if o.next == o.n {
		return nil, io.EOF
	}
	p := o.next
	o.next++
	done, err := o.commits.Begin(ctx, "log", p)
	return []stages.Delivery[int]{{Value: p, Ack: done}}, err
}

// Items finish in any order. What is dead-lettered or dropped is passed over; at
// one that has failed for good the watermark stands still.
func TestCommitsPassOverDeadLettersAndHaltAtAFailure(t *testing.T) {
	const failed = 23
	for name, tt := range map[string]struct {
		join func(*flow.Stream[int]) *flow.Stream[int]
		last int
		opts []flow.Option
	}{
		"dead-lettered": {func(s *flow.Stream[int]) *flow.Stream[int] {
			return s.DeadLetter(func(context.Context, *stages.ItemError) error { return nil })
		}, 39, []flow.Option{flow.Unordered()}},
		"dropped": {func(s *flow.Stream[int]) *flow.Stream[int] {
			return s.OnError(func(context.Context, *stages.ItemError) (int, error) { return 0, stages.ErrDrop })
		}, 39, []flow.Option{flow.Unordered()}},
		"failed": {func(s *flow.Stream[int]) *flow.Stream[int] { return s }, failed - 1, []flow.Option{flow.Unordered()}},
		"failed in a batch": {func(s *flow.Stream[int]) *flow.Stream[int] {
			return s.OnError(func(_ context.Context, e *stages.ItemError) (int, error) { return e.Value.(int), nil }).
				Batch(5, 0).Map("all", holding(failed))
		}, 19, nil}, // of ordered ones: which are in a batch counts
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := newOffsets(40)
				s := flow.From(stages.Acked(o.read)).Map("work", func(_ context.Context, v int) (int, error) {
					time.Sleep(time.Duration(v%7) * time.Millisecond)
					if v == failed {
						return 0, errFlaky
					}
					return v, nil
				}, append(tt.opts, flow.Workers(5), flow.Buffer(40))...)
				rep, err := tt.join(s).To(takesAll{}).Run(t.Context())
				require.NoError(t, err)
				require.NoError(t, rep.Check())
				require.True(t, slices.IsSorted(o.committed))
				require.Equal(t, tt.last, o.committed[len(o.committed)-1])
				if tt.last == 39 {
					require.NoError(t, o.commits.Err())
				} else {
					require.ErrorIs(t, o.commits.Err(), stages.ErrHalted)
					require.ErrorIs(t, o.commits.Err(), errFlaky)
				}
			})
		})
	}
}

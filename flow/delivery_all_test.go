package flow_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/sink"
)

// settlements is what the acknowledgements of values have said.
type settlements struct {
	mu   sync.Mutex
	errs map[int][]error
}

// noContext is the context of receipts that have none.
var noContext context.Context

// receipts returns a receipt for each value.
func (h *settlements) receipts(ctx context.Context, vs []int) []stages.Receipt {
	h.errs = map[int][]error{}
	rs := make([]stages.Receipt, len(vs))
	for i, v := range vs {
		rs[i] = stages.Receipt{Context: ctx, Deliveries: v + 1, ID: fmt.Sprint(v), Ack: func(err error) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.errs[v] = append(h.errs[v], err)
		}}
	}
	return rs
}

// Values that are delivered together stay in order, and each is settled once, with its own failure,
// in a chain, by workers, and above a full edge.
func TestValuesThatAreDeliveredTogetherAreSettledOneByOne(t *testing.T) {
	fails := func(v int) bool { return v%10 == 3 }
	work := func(_ context.Context, v int) (int, error) {
		if fails(v) {
			return 0, stages.HandBack(time.Duration(v) * time.Second)
		}
		return v, nil
	}
	for name, way := range map[string]func(*flow.Stream[int]) *flow.Stream[int]{
		"a map":     func(s *flow.Stream[int]) *flow.Stream[int] { return s.Map("work", work) },
		"workers":   func(s *flow.Stream[int]) *flow.Stream[int] { return s.Map("work", work, stages.Workers(4)) },
		"full edge": func(s *flow.Stream[int]) *flow.Stream[int] { return s.Map("work", work, stages.Buffer(1)) },
		"lanes": func(s *flow.Stream[int]) *flow.Stream[int] {
			return s.Lanes("work", func(int) int { return 0 }, work, stages.Workers(4))
		},
	} {
		for kind, ctx := range map[string]context.Context{"": nil, ", with a context": context.WithValue(t.Context(), key{}, "tenant")} {
			t.Run(name+kind, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var h settlements
					var got []int
					report, err := way(flow.From(stages.SourceFunc[int](func(_ context.Context, out *stages.Outlet[int]) error {
						vs := upTo(150)
						require.Equal(t, 150, out.DeliverAll(h.receipts(ctx, vs), vs))
						return nil
					}))).To(sink.Append(&got)).Run(t.Context())
					require.NoError(t, err)
					require.NoError(t, report.Check())
					var want []int
					require.Len(t, h.errs, 150)
					for v := range 150 {
						require.Len(t, h.errs[v], 1)
						after, back := stages.HandedBack(h.errs[v][0])
						require.Equal(t, fails(v), back)
						if back {
							require.Equal(t, time.Duration(v)*time.Second, after)
							continue
						}
						want = append(want, v)
					}
					require.Equal(t, want, got)
				})
			})
		}
	}
}

// A context that several values share ends while a function works on one of them: for the ones
// behind it no function is called, and all of them go back.
func TestTheEndOfAContextThatValuesShareIsThatOfEach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, revoke := context.WithCancelCause(t.Context())
		revoked := fmt.Errorf("partition 3 was revoked: %w", stages.ErrHandedBack)
		var h settlements
		calls := 0
		report, err := flow.From(stages.SourceFunc[int](func(_ context.Context, out *stages.Outlet[int]) error {
			vs := upTo(8)
			out.DeliverAll(h.receipts(ctx, vs), vs)
			return nil
		})).To(sink.ForEach(func(ctx context.Context, v int) error {
			if calls++; v == 5 {
				revoke(revoked)
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		})).Run(t.Context())
		require.NoError(t, err)
		require.EqualValues(t, 3, report.Ledger.HandedBack)
		require.Equal(t, 6, calls)
		for v := range 8 {
			require.Len(t, h.errs[v], 1)
			if v < 5 {
				require.NoError(t, h.errs[v][0])
			} else {
				require.ErrorIs(t, h.errs[v][0], revoked)
			}
		}
	})
}

// An aborted flow takes the first values of several, and settles exactly these.
func TestAnAbortedFlowTakesTheFirstOfSeveralValues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, abort := context.WithCancel(t.Context())
		defer abort()
		var h settlements
		taken := -1
		_, err := flow.From(stages.SourceFunc[int](func(_ context.Context, out *stages.Outlet[int]) error {
			vs := upTo(1000)
			taken = out.DeliverAll(h.receipts(noContext, vs), vs)
			return nil
		})).To(sink.ForEach(func(ctx context.Context, v int) error {
			if v == 7 {
				abort()
			}
			return nil
		}), stages.Buffer(4)).Run(ctx)
		require.ErrorIs(t, err, context.Canceled)
		require.Less(t, taken, 1000)
		require.Len(t, h.errs, taken)
		for v := range taken {
			require.Len(t, h.errs[v], 1)
			if v < 7 {
				require.NoError(t, h.errs[v][0])
			}
		}
	})
}

// What a source knows of values reaches a failure, one by one.
func TestAFailureKnowsTheDeliveriesOfAValueThatCameWithOthers(t *testing.T) {
	var h settlements
	deliveries := map[int]int{}
	_, err := flow.From(stages.SourceFunc[int](func(_ context.Context, out *stages.Outlet[int]) error {
		vs := upTo(40)
		out.DeliverAll(h.receipts(noContext, vs), vs[:39]) // the last receipt is that of no value
		return nil
	})).Map("fail", func(context.Context, int) (int, error) { return 0, errSick }).
		DeadLetter(func(_ context.Context, e *stages.ItemError) error {
			deliveries[e.Value.(int)] = e.Deliveries
			return nil
		}).
		To(sink.ForEach(func(context.Context, int) error { return nil })).Run(t.Context())
	require.NoError(t, err)
	require.Len(t, deliveries, 39)
	for v, n := range deliveries {
		require.Equal(t, v+1, n)
	}
}

package flow_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/primitives/limiter"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/operator"
	"github.com/weir-go/weir/stages/source"
)

// wait is a place where items wait, with the expected results: the number of expired items, and the
// items whose sources hear that they expired.
type wait struct {
	in      func(s, other *flow.Stream[int]) *flow.Stream[int]
	expired int64
	late    []int
}

// The items 0 to 7 come a millisecond apart and have 10.5 ms each. The other
// stream brings 100 to 103, which have all the time there is.
var waits = map[string]wait{
	"a batch in the making": {in: alone(func(s *flow.Stream[int]) *flow.Stream[int] {
		return s.Batch(20, 50*time.Millisecond).Map("size", holding())
	}), expired: 1, late: upTo(8)},
	"a batch that leaves before the last one's time": {in: alone(func(s *flow.Stream[int]) *flow.Stream[int] {
		return s.Batch(20, 15*time.Millisecond).Map("size", holding())
	})},
	"a bulk call": {in: alone(func(s *flow.Stream[int]) *flow.Stream[int] {
		return s.Via("op", operator.MapBatch(20, 50*time.Millisecond, func(_ context.Context, vs []int) ([]int, error) { return vs, nil }))
	}), expired: 8, late: upTo(8)},
	"a tumbling window": {in: alone(func(s *flow.Stream[int]) *flow.Stream[int] {
		return s.Window(operator.Tumbling(50*time.Millisecond)).Map("size", windowsWith(-1))
	}), expired: 1, late: upTo(8)},
	"sliding windows, two for each": {in: alone(func(s *flow.Stream[int]) *flow.Stream[int] {
		return s.Window(operator.Sliding(50*time.Millisecond, 25*time.Millisecond)).Map("size", windowsWith(-1))
	}), expired: 2, late: upTo(8)},
	"a session": {in: alone(func(s *flow.Stream[int]) *flow.Stream[int] {
		return s.Window(operator.Session(20*time.Millisecond)).Map("size", windowsWith(-1))
	}), expired: 1, late: upTo(8)},
	"a delay": {in: alone(func(s *flow.Stream[int]) *flow.Stream[int] { return s.Delay(50 * time.Millisecond) }), expired: 8, late: upTo(8)},
	"a delay that is full, of which 0 and 6 have the time": {in: alone(func(s *flow.Stream[int]) *flow.Stream[int] {
		return s.Delay(8*time.Millisecond, stages.Capacity(1))
	}), expired: 6, late: []int{1, 2, 3, 4, 5, 7}},
	"a debounce, which drops all but the last": {in: alone(func(s *flow.Stream[int]) *flow.Stream[int] {
		return s.Debounce(50 * time.Millisecond)
	}), expired: 1, late: []int{7}},
	"a lane": {in: alone(func(s *flow.Stream[int]) *flow.Stream[int] {
		return s.Lanes("op", func(int) int { return 0 }, failing(6*time.Millisecond), stages.Workers(4))
	}), expired: 7, late: upTo(8)[1:]},
	"a join, for two partners each": {in: func(s, other *flow.Stream[int]) *flow.Stream[int] {
		key := func(v int) int { return v % 4 }
		return s.Join(other.Delay(30*time.Millisecond), time.Second, key, key, first)
	}, expired: 8, late: append(upTo(8), 100, 101, 102, 103)},
	"a zip, half of it for nobody": {in: func(s, other *flow.Stream[int]) *flow.Stream[int] {
		return s.Zip(other.Delay(30*time.Millisecond), first)
	}, expired: 4, late: []int{0, 1, 2, 3, 100, 101, 102, 103}},
	"a zip, as the second": {in: func(s, other *flow.Stream[int]) *flow.Stream[int] {
		return other.Delay(30*time.Millisecond).Zip(s, first)
	}, expired: 4, late: []int{0, 1, 2, 3, 100, 101, 102, 103}},
	"its turn in a concat": {in: func(s, other *flow.Stream[int]) *flow.Stream[int] {
		return other.Concat(s)
	}, expired: 8, late: upTo(8)},
	"a buffer that drops": {in: alone(func(s *flow.Stream[int]) *flow.Stream[int] {
		return s.Map("slow", failing(30*time.Millisecond), stages.Buffer(8, stages.DropOldest))
	}), expired: 8, late: upTo(8)},
	"a throttle, which has room for three": {in: alone(func(s *flow.Stream[int]) *flow.Stream[int] {
		return s.Throttle(limiter.Every(6*time.Millisecond), nil)
	}), expired: 5, late: []int{3, 4, 5, 6, 7}},
	"a full edge": {in: alone(func(s *flow.Stream[int]) *flow.Stream[int] {
		return s.Map("slow", failing(30*time.Millisecond), stages.Buffer(1))
	}), expired: 8, late: upTo(8)},
}

// Wherever an item waits for too long, no function gets it any more: it counts
// as expired once, and its source hears that, once.
func TestAnItemThatWaitsForTooLongExpires(t *testing.T) {
	for name, w := range waits {
		inBothModes(t, name, func(t *testing.T, opts ...flow.RunOption) {
			bags := []*mailbag{{first: 0, n: 8, stay: 100 * time.Millisecond}, {first: 100, n: 4, stay: 100 * time.Millisecond}}
			g := flow.New()
			s := g.From(source.Acked(bags[0].read)).Via("deadline", operator.Deadline[int](10500*time.Microsecond))
			rep, err := w.in(s, g.From(source.Acked(bags[1].read))).Map("work", same).To(takesAll{}).Run(t.Context(), opts...)
			require.NoError(t, err)
			require.NoError(t, rep.Check())
			require.Equal(t, w.expired, rep.Ledger.Expired)
			says := each(stages.ErrExpired, w.late...)
			for _, b := range bags {
				require.Len(t, b.heard, b.n)
				for i, errs := range b.heard {
					require.Len(t, errs, 1, "of %d", b.first+i)
					require.ErrorIs(t, errs[0], says[b.first+i], "of %d", b.first+i)
				}
			}
		})
	}
}

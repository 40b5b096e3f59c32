package flow_test

import (
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/dedup"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/retry"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/source"
)

// chaos makes functions that fail, panic, drop and dawdle, as seed and value say.
type chaos struct{ seed uint64 }

func (c chaos) call(_ context.Context, v int) (int, error) {
	r := rand.New(rand.NewPCG(c.seed, uint64(v)))
	if r.IntN(3) == 0 {
		time.Sleep(time.Duration(r.IntN(20)) * time.Millisecond)
	}
	switch r.IntN(12) {
	case 0:
		return 0, errFlaky
	case 1:
		panic("chaos")
	case 2:
		return 0, stages.ErrDrop
	}
	return v, nil
}

// extend joins one more stage on, of the kind that b says.
func (c chaos) extend(s *flow.Stream[int], name string, b byte) *flow.Stream[int] {
	opts := []stages.MapOption{stages.Workers(1 + int(b>>4)%5), stages.Buffer(1 + int(b>>3)%7)}
	if b&0x80 != 0 {
		opts = append(opts, stages.Unordered())
	}
	key := func(v int) int { return v % 7 }
	capacity := guard.Limit(1 + int(b>>5))
	tries := retry.Constant(3, 5*time.Millisecond)
	fuse := breaker.Consecutive("b", 3, 10*time.Millisecond)
	switch b % 10 {
	case 0:
		return s.Map(name, c.call, opts...)
	case 1:
		return s.Filter(name, func(ctx context.Context, v int) (bool, error) { _, err := c.call(ctx, v); return v%3 > 0, err }, opts...)
	case 2:
		return s.FlatMap(name, func(ctx context.Context, v int) (iter.Seq[int], error) {
			_, err := c.call(ctx, v)
			return slices.Values([]int{v, v + 1, v + 2}[:v%4%3]), err
		})
	case 3:
		return s.Batch(1+int(b>>5), 3*time.Millisecond).
			Map(name+"-first", func(_ context.Context, b []int) (int, error) { return b[0], nil })
	case 4:
		return s.OnError(func(ctx context.Context, e *stages.ItemError) (int, error) { return c.call(ctx, 99) })
	case 5:
		return s.DeadLetter(func(ctx context.Context, e *stages.ItemError) error { _, err := c.call(ctx, 98); return err })
	case 6:
		return s.Guard(capacity).Dedup(dedup.Window(5*time.Millisecond), key).Breaker(fuse).Retry(tries).Map(name, c.call, opts...)
	case 7:
		return s.Retry(tries).Breaker(fuse, stages.Hold()).Dedup(dedup.Window(0), key).Guard(capacity).Map(name, c.call, opts...)
	case 8:
		return s.Guard(guard.Limit(1+int(b>>5), guard.Shedding())).Retry(tries).Map(name, c.call, opts...)
	default:
		return s.Dedup(dedup.Window(time.Second), key).Guard(capacity).Map(name, c.call, opts...)
	}
}

// FuzzLedger builds random flows with random faults, stops or aborts them at
// random times, and checks that every item is accounted for.
func FuzzLedger(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3}, uint64(1), uint16(0))
	f.Add([]byte{6, 0x97, 4, 0x88, 5}, uint64(2), uint16(20))
	f.Add([]byte{7, 3, 0xf9, 0x86}, uint64(3), uint16(0x8010))
	f.Add([]byte{0xf0, 0x76, 0x57}, uint64(4), uint16(0x4004))
	f.Fuzz(func(t *testing.T, kinds []byte, seed uint64, end uint16) {
		synctest.Test(t, func(t *testing.T) {
			ctx, abort := context.WithCancel(t.Context())
			defer abort()
			stop := make(chan struct{})
			at := time.Duration(end&0x3fff%200) * time.Millisecond
			switch {
			case end&0x8000 != 0:
				time.AfterFunc(at, abort)
			case end&0x4000 != 0:
				time.AfterFunc(at, func() { close(stop) })
			}
			s := flow.From(source.Seq(func(yield func(int) bool) {
				for i := range 300 {
					if i%10 == 0 {
						time.Sleep(time.Millisecond)
					}
					if !yield(i) {
						return
					}
				}
			}))
			for i, b := range kinds[:min(len(kinds), 6)] {
				s = chaos{seed + uint64(i)}.extend(s, fmt.Sprint("stage-", i), b)
			}
			var rep flow.Report
			yielded := 0
			for r := range s.Results(ctx, flow.ReportTo(&rep), flow.StopWhen(stop)) {
				require.NotErrorIs(t, r.Err, flow.ErrGraph)
				yielded++
			}
			require.NoError(t, rep.Check())
			l := rep.Ledger
			want := l.Out + l.Failed + l.Shed - l.Recovered
			if ctx.Err() != nil {
				want++ // the abort itself comes last
			}
			require.Equal(t, want, int64(yielded))
		})
	})
}

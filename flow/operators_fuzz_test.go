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
	"github.com/weir-go/weir/stages/operator"
)

// heard is a source of numbers that notes what it hears of each.
type heard struct {
	n int

	mu    sync.Mutex
	taken int
	times []int
}

func (h *heard) Run(ctx context.Context, out *stages.Outlet[int]) error {
	h.times = make([]int, h.n)
	for i := 0; i < h.n && ctx.Err() == nil; i++ {
		if i%10 == 0 {
			time.Sleep(time.Millisecond)
		}
		if !out.EmitAcked(func(error) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.times[i]++
		}, i) {
			return nil
		}
		h.taken++
	}
	return nil
}

// operate joins one more operator on, of the kind that b says.
func operate(s *flow.Stream[int], name string, b byte) *flow.Stream[int] {
	buffer := stages.Buffer(1+int(b>>5), stages.OverflowPolicy(b>>3)%3)
	named := stages.Name(name)
	c := chaos{seed: uint64(b)}
	n := int(b >> 4)
	d := time.Duration(n+1) * time.Millisecond
	step := func(ctx context.Context, sum, v int) (int, error) {
		v, err := c.call(ctx, v)
		return (sum + v) % 1000, err
	}
	switch b % 10 {
	case 0:
		return s.Scan(name, 0, step, buffer)
	case 1:
		return s.Reduce(name, 0, step, buffer)
	case 2:
		return s.Take(20*n, named, buffer)
	case 3:
		return s.Skip(n, named, buffer)
	case 4:
		return s.DistinctUntilChanged(func(v int) int { return v / (n + 1) }, named, buffer)
	case 5:
		return s.Debounce(d, named, buffer, stages.MaxWait(4*d))
	case 6:
		return s.Delay(4*d, named, buffer, stages.Capacity(n+1))
	case 7:
		weight := func(v int) int { return v%7 - 1 } // which fails some
		return heads(s.Batch(n+1, d, named, buffer, stages.Weight(n+5, weight)), name)
	case 8:
		return firsts(s.Window(operator.Sliding(4*d, d), named, buffer, stages.Capacity(50)), name)
	default:
		at := func(v int) time.Time { return time.Unix(int64(v)/10, 0) }
		return firsts(s.Window(operator.Session(2*time.Second), named, buffer, stages.EventTime(at, time.Second)), name)
	}
}

func heads(s *flow.Stream[[]int], name string) *flow.Stream[int] {
	return s.Map(name+"-head", func(_ context.Context, b []int) (int, error) { return b[0], nil })
}

func firsts(s *flow.Stream[operator.WindowOf[int]], name string) *flow.Stream[int] {
	return s.Map(name+"-first", func(ctx context.Context, w operator.WindowOf[int]) (int, error) {
		return chaos{seed: 1}.call(ctx, w.Items[0])
	})
}

// FuzzOperators chains operators, with functions that fail, panic and drop, and
// buffers that shed; stops or aborts at random times; and checks that the books
// balance, and that the source has heard of each item, once.
func FuzzOperators(f *testing.F) {
	f.Add([]byte{0, 8, 17}, uint16(0))
	f.Add([]byte{0x57, 0x68, 0x29}, uint16(0x8010))
	f.Add([]byte{0x56, 0x49, 5, 3}, uint16(0x4014))
	f.Add([]byte{0xfc, 0x72, 0x11}, uint16(0x4004))
	f.Fuzz(func(t *testing.T, kinds []byte, end uint16) {
		synctest.Test(t, func(t *testing.T) {
			ctx, abort := context.WithCancel(t.Context())
			defer abort()
			stop := make(chan struct{})
			at := time.Duration(end&0x3fff%60) * time.Millisecond
			switch {
			case end&0x8000 != 0:
				time.AfterFunc(at, abort)
			case end&0x4000 != 0:
				time.AfterFunc(at, func() { close(stop) })
			}
			src := &heard{n: 300}
			s := flow.From[int](src)
			for i, b := range kinds[:min(len(kinds), 5)] {
				s = operate(s, fmt.Sprint("stage-", i), b)
			}
			var rep flow.Report
			for r := range s.Results(ctx, flow.ReportTo(&rep), flow.StopWhen(stop)) {
				require.NotErrorIs(t, r.Err, flow.ErrGraph)
			}
			require.NoError(t, rep.Check())
			for i, n := range src.times {
				if i < src.taken {
					require.Equal(t, 1, n, "item %d", i)
				} else {
					require.LessOrEqual(t, n, 1, "item %d", i)
				}
			}
		})
	})
}

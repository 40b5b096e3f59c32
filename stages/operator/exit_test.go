package operator_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/operator"
	"github.com/weir-go/weir/stages/source"
)

// exiting is each function of an operator with several ends, and of a Window, which ends its
// goroutine at item 40.
func exiting() map[string]func(*flow.Stream[int]) *flow.Stream[int] {
	exit := func(v int) int { return exitAt(40, v) }
	pair := func(v, _ int) int { return exitAt(40, v) }
	again := func() *flow.Stream[int] { return flow.From(source.Slice(upTo(100))) }
	flat := func(s *flow.Stream[operator.WindowOf[int]]) *flow.Stream[int] {
		return s.Map("length", func(_ context.Context, w operator.WindowOf[int]) (int, error) { return len(w.Items), nil })
	}
	return map[string]func(*flow.Stream[int]) *flow.Stream[int]{
		"Partition": func(s *flow.Stream[int]) *flow.Stream[int] {
			b := s.Partition(2, func(v int) int { return exit(v) % 2 })
			return b[0].Merge(b[1])
		},
		"Zip":            func(s *flow.Stream[int]) *flow.Stream[int] { return s.Zip(again(), pair) },
		"Join, by join":  func(s *flow.Stream[int]) *flow.Stream[int] { return s.Join(again(), time.Minute, itself, itself, pair) },
		"Join, by a key": func(s *flow.Stream[int]) *flow.Stream[int] { return s.Join(again(), time.Minute, exit, itself, first) },
		"Window, by a key": func(s *flow.Stream[int]) *flow.Stream[int] {
			return flat(s.Window(operator.Sliding(time.Minute, time.Second), stages.PerKey(exit)))
		},
		"Window, by its time": func(s *flow.Stream[int]) *flow.Stream[int] {
			return flat(s.Window(operator.Session(time.Minute), stages.EventTime(func(v int) time.Time { return seconds(exit(v)) }, 0)))
		},
	}
}

// An exit fails the item and aborts the run. Every item is accounted for, and acknowledged once.
func TestAGoexitInAFanLosesNothing(t *testing.T) {
	for name, op := range exiting() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := &acked{n: 100}
				rep, err := op(flow.From(a)).To(everything[int]{func(*stages.Inlet[int], stages.Item[int]) {}}).Run(t.Context())
				require.ErrorIs(t, err, stages.ErrGoexit)
				require.NoError(t, rep.Check())
				require.ErrorIs(t, a.errs[40][0], stages.ErrGoexit)
				for i, errs := range a.errs {
					require.Len(t, errs, 1, "item %d", i)
				}
			})
		})
	}
}

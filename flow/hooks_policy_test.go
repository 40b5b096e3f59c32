package flow_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/sink"
	"github.com/weir-go/weir/stages/source"
)

// The functions of policies are calls as well: one for each failed item.
func TestHooksSeeTheCallsOfPolicies(t *testing.T) {
	oddFails := func(_ context.Context, v int) (int, error) {
		if v%2 == 1 {
			return 0, errFlaky
		}
		return v, nil
	}
	full := errors.New("disk is full")
	marked := func(ctx context.Context) error {
		if ctx.Value(markKey{}) != "policy" {
			return fmt.Errorf("the function got the context of %v", ctx.Value(markKey{}))
		}
		return nil
	}
	for name, tt := range map[string]struct {
		policy func(*flow.Stream[int]) *flow.Stream[int]
		err    error // of the call
	}{
		"OnError that replaces": {func(s *flow.Stream[int]) *flow.Stream[int] {
			return s.OnError(func(ctx context.Context, _ *stages.ItemError) (int, error) { return 7, marked(ctx) }, stages.Name("policy"))
		}, nil},
		"OnError that drops": {func(s *flow.Stream[int]) *flow.Stream[int] {
			return s.OnError(func(context.Context, *stages.ItemError) (int, error) { return 0, stages.ErrDrop }, stages.Name("policy"))
		}, stages.ErrDrop},
		"DeadLetter": {func(s *flow.Stream[int]) *flow.Stream[int] {
			return s.DeadLetter(func(ctx context.Context, _ *stages.ItemError) error { return marked(ctx) }, stages.Name("policy"))
		}, nil},
		"DeadLetter that cannot keep it": {func(s *flow.Stream[int]) *flow.Stream[int] {
			return s.DeadLetter(func(context.Context, *stages.ItemError) error { return full }, stages.Name("policy"))
		}, full},
	} {
		t.Run(name, func(t *testing.T) {
			var seen log
			_, err := tt.policy(flow.From(source.Slice(upTo(10))).Map("call", oddFails)).
				To(sink.ForEach(func(context.Context, int) error { return nil })).Run(t.Context(), flow.WithHooks(seen.all()))
			if errors.Is(tt.err, full) {
				require.ErrorIs(t, err, full)
			} else {
				require.NoError(t, err)
			}
			require.Equal(t, 5, seen.count("begin policy 1"))
			require.Equal(t, 5, seen.count(fmt.Sprintf("end policy 1 %v in policy", tt.err)))
			require.Equal(t, 5, seen.count(fmt.Sprintf("leave policy 1 %v", tt.err != nil)))
		})
	}
}

// What Begin was called for has an end, also if the function ends its goroutine.
func TestHooksSeeTheEndOfACallThatEndsItsGoroutine(t *testing.T) {
	exit := func(_ context.Context, v int) (int, error) {
		runtime.Goexit()
		return v, nil
	}
	type shape = func(*flow.Stream[int]) *flow.Stream[int]
	for name, shaped := range map[string]shape{
		"Map":     func(s *flow.Stream[int]) *flow.Stream[int] { return s.Map("call", exit) },
		"workers": func(s *flow.Stream[int]) *flow.Stream[int] { return s.Map("call", exit, stages.Workers(4)) },
		"section": func(s *flow.Stream[int]) *flow.Stream[int] {
			return s.Guard(guard.Limit(8)).Map("call", exit, stages.Workers(2))
		},
		"Filter": func(s *flow.Stream[int]) *flow.Stream[int] {
			return s.Filter("call", func(context.Context, int) (bool, error) { runtime.Goexit(); return true, nil })
		},
		"Lanes": func(s *flow.Stream[int]) *flow.Stream[int] {
			return s.Lanes("call", func(v int) int { return v % 7 }, exit, stages.Workers(4))
		},
		"Scan": func(s *flow.Stream[int]) *flow.Stream[int] {
			return s.Scan("call", 0, func(ctx context.Context, _, v int) (int, error) { return exit(ctx, v) })
		},
		"FlatMap": func(s *flow.Stream[int]) *flow.Stream[int] {
			return s.FlatMap("call", func(_ context.Context, v int) (iter.Seq[int], error) {
				runtime.Goexit()
				return slices.Values([]int{v}), nil
			})
		},
		"MapBatch": func(s *flow.Stream[int]) *flow.Stream[int] {
			return s.MapBatch("call", 10, 0, func(_ context.Context, all []int) ([]int, error) { runtime.Goexit(); return all, nil })
		},
		"OnError": func(s *flow.Stream[int]) *flow.Stream[int] {
			return s.Filter("fails", func(context.Context, int) (bool, error) { return true, errFlaky }).
				OnError(func(ctx context.Context, _ *stages.ItemError) (int, error) { return exit(ctx, 0) }, stages.Name("call"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			var seen log
			_, err := shaped(flow.From(source.Slice(upTo(10)))).Collect(t.Context(), flow.WithHooks(seen.all()))
			require.ErrorIs(t, err, stages.ErrGoexit)
			require.Positive(t, seen.count("end call 1 "+stages.ErrGoexit.Error()+" in call"))
			begun, ends := seen.count("begin call 1"), 0 // calls that are at work meanwhile end with the abort
			for _, line := range seen.lines {
				if strings.HasPrefix(line, "end call 1 ") {
					ends++
				}
			}
			require.Equal(t, begun, ends)
			require.Equal(t, begun, seen.count("leave call 1 true"))
		})
	}
}

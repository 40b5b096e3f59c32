package flow_test

import (
	"context"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/source"
)

// Each result had the memory of the timings of 64 items: 4.5 KB with three stages. No time is involved, and
// the figures are those of real goroutines, so there is no bubble.
func TestAResultHasTheMemoryOfItsOwnTimings(t *testing.T) {
	if raced {
		t.Skip("the race detector allocates as well")
	}
	const n = 4000
	three := func(s *flow.Stream[int]) *flow.Stream[int] { return s.Map("a", same).Map("b", same).Map("c", same) }
	section := func(s *flow.Stream[int]) *flow.Stream[int] { return s.Map("a", same, stages.Workers(4)) }
	// one by one, so that no two results can share an allocation by chance
	oneByOne := func(t *testing.T, results func(s *flow.Stream[int]) <-chan flow.Result[int]) func(int) {
		in := make(chan int)
		out := results(three(flow.From(source.Chan(in))))
		t.Cleanup(func() {
			close(in)
			for range out {
			}
		})
		return func(v int) {
			in <- v
			require.Equal(t, v, (<-out).Value)
		}
	}
	for name, begin := range map[string]func(t *testing.T) func(v int){
		"chan": func(t *testing.T) func(int) {
			return oneByOne(t, func(s *flow.Stream[int]) <-chan flow.Result[int] { return s.Chan(t.Context()) })
		},
		"results": func(t *testing.T) func(int) {
			return oneByOne(t, func(s *flow.Stream[int]) <-chan flow.Result[int] {
				out := make(chan flow.Result[int])
				go func() {
					defer close(out)
					for r := range s.Results(t.Context()) {
						out <- r
					}
				}()
				return out
			})
		},
		"serve":          func(t *testing.T) func(int) { return serving(t, three) },
		"serve, section": func(t *testing.T) func(int) { return serving(t, section) },
	} {
		t.Run(name, func(t *testing.T) {
			do := begin(t)
			for v := range n { // pools are filled, and edges have their size
				do(v)
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for v := range n {
				do(v)
			}
			runtime.ReadMemStats(&after)
			bytes := (after.TotalAlloc - before.TotalAlloc) / n
			t.Log(bytes, "bytes an item")
			require.Less(t, bytes, uint64(1200))
		})
	}
}

// serving returns a call of a service.
func serving(t *testing.T, build func(*flow.Stream[int]) *flow.Stream[int]) func(int) {
	t.Helper()
	s, err := flow.Serve(context.Background(), build)
	require.NoError(t, err)
	t.Cleanup(func() {
		s.Stop()
		_, err := s.Wait()
		require.NoError(t, err)
	})
	return func(v int) {
		r := s.Do(t.Context(), v)
		require.NoError(t, r.Err)
		require.Equal(t, v, r.Value)
	}
}

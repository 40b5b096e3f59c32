package kernel_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/internal/fault"
)

func TestChainKeepsOrderAndBooks(t *testing.T) {
	for _, timed := range []bool{true, false} {
		for _, bound := range []int{1, 2, 3, 64, 256} {
			for _, n := range []int{0, 1, 7, 64, 1000, many} {
				t.Run(fmt.Sprintf("timed=%v/bound=%d/n=%d", timed, bound, n), func(t *testing.T) {
					r := newRig(context.Background(), timed, bound, "a", "b", "c")
					r.start(n, mapped(plusOne), mapped(func(_ context.Context, v int) (int, error) {
						if v%3 == 0 {
							return 0, fault.ErrDrop
						}
						return v, nil
					}), mapped(plusOne))
					r.wait(t)
					var want []int
					for i := range n {
						if (i+1)%3 != 0 {
							want = append(want, i+2)
						}
					}
					require.Equal(t, want, r.got)
				})
			}
		}
	}
}

func TestWorkersKeepOrder(t *testing.T) {
	for _, w := range []int{1, 2, 8, 64} {
		for _, unordered := range []bool{false, true} {
			t.Run(fmt.Sprintf("workers=%d/unordered=%v", w, unordered), func(t *testing.T) {
				r := newRig(context.Background(), true, 64, "a", "b")
				r.start(many, workers(w, unordered, plusOne), mapped(plusOne))
				r.wait(t)
				if unordered {
					slices.Sort(r.got)
				}
				require.Len(t, r.got, many)
				for i, v := range r.got {
					require.Equal(t, i+2, v)
				}
			})
		}
	}
}

func TestFailuresStopTheRun(t *testing.T) {
	bad := errors.New("bad")
	r := newRig(context.Background(), true, 16, "a")
	r.start(1000, mapped(func(_ context.Context, v int) (int, error) {
		if v == 500 {
			return 0, bad
		}
		if v == 600 {
			panic("no")
		}
		return v, nil
	}))
	r.wait(t)
	require.ErrorIs(t, r.run.Err(), bad)
}

func TestAbort(t *testing.T) {
	for range aborts {
		ctx, cancel := context.WithCancel(context.Background())
		r := newRig(ctx, true, 16, "a", "b")
		r.start(1_000_000_000, workers(4, false, plusOne), mapped(func(_ context.Context, v int) (int, error) {
			if v == 1000 {
				cancel()
			}
			return v, nil
		}))
		r.wait(t)
	}
}

func BenchmarkThree(b *testing.B) {
	for _, timed := range []bool{true, false} {
		b.Run(fmt.Sprintf("timed=%v", timed), func(b *testing.B) {
			b.ReportAllocs()
			r := newRig(context.Background(), timed, 256, "a", "b", "c")
			r.start(b.N, mapped(plusOne), mapped(plusOne), mapped(plusOne))
			r.got = make([]int, 0, b.N)
			r.wait(b)
		})
	}
}

func BenchmarkWorkers8(b *testing.B) {
	b.ReportAllocs()
	r := newRig(context.Background(), true, 256, "a")
	r.got = make([]int, 0, b.N)
	r.start(b.N, workers(8, false, plusOne))
	r.wait(b)
}

package section_test

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/dedup"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/retry"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/section"
	"github.com/weir-go/weir/stages/source"
)

func constant(int) string { return "the same" }

// shared returns a deduplicator for several sections.
func shared[K comparable](t *testing.T, ttl time.Duration) *dedup.Dedup[K, section.Answer] {
	d, err := dedup.New[K, section.Answer](dedup.Window(ttl))
	require.NoError(t, err)
	return d
}

func TestEqualItemsShareACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		r := through(t, source.Slice(upTo(100)), section.Map([]section.Layer{section.Dedup(dedup.Window(time.Minute), func(v int) int { return v % 2 })},
			func(_ context.Context, v int) (int, error) {
				calls++
				time.Sleep(time.Second)
				return 10 * v, nil
			}))
		for i, v := range r.out {
			require.Equal(t, 10*(i%2), v)
		}
		require.Equal(t, 2, calls)
		require.Equal(t, 2*time.Second, r.took, "those who wait hold no worker")
		require.Len(t, r.out, 100)
	})
}

// A result is as old as its ttl one ttl after its call ended.
func TestAResultIsServedUntilItsTTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		// Items 0 to 3 come 2 s apart, a call takes 1 s, so results are 1, 3, 5 s old.
		r := through(t, every(2*time.Second, 4), section.Map([]section.Layer{section.Dedup(dedup.Window(5*time.Second), constant)},
			func(_ context.Context, v int) (int, error) {
				calls++
				time.Sleep(time.Second)
				return v, nil
			}))
		require.Equal(t, []int{0, 0, 0, 3}, r.out)
		require.Equal(t, 2, calls)
	})
}

func TestFollowersShareWhatBecameOfTheirLeader(t *testing.T) {
	for name, tt := range map[string]struct {
		call func() error
		is   error
	}{
		"an error": {func() error { return errFlaky }, errFlaky},
		"a panic":  {func() error { panic(errOdd) }, errOdd},
		"a goexit": {func() error { runtime.Goexit(); return nil }, stages.ErrGoexit},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				calls := 0
				r := through(t, source.Slice(upTo(10)), section.Map([]section.Layer{section.Dedup(dedup.Window(time.Minute), constant)},
					func(_ context.Context, v int) (int, error) {
						calls++
						time.Sleep(time.Second)
						return v, tt.call()
					}))
				require.Equal(t, 1, calls)
				require.Len(t, r.failed, 10)
				for i, f := range r.failed {
					require.ErrorIs(t, f, tt.is)
					require.Equal(t, i, f.Value, "the failure is shared, the item is not")
				}
				require.Equal(t, 1, r.failed[0].Attempts)
				require.Zero(t, r.failed[1].Attempts)
			})
		})
	}
}

func TestADropIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, source.Slice(upTo(10)), section.Map([]section.Layer{section.Dedup(dedup.Window(time.Minute), constant)},
			func(context.Context, int) (int, error) { time.Sleep(time.Second); return 0, stages.ErrDrop }))
		require.Empty(t, r.failed)
		require.Equal(t, int64(10), r.ledger().Filtered)
	})
}

// A failure is not kept: who comes after it makes a call of his own.
func TestAFailureServesNobodyLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		r := through(t, every(time.Second, 3), section.Map([]section.Layer{section.Dedup(dedup.Window(time.Minute), constant)},
			func(_ context.Context, v int) (int, error) {
				if calls++; calls == 1 {
					return 0, errFlaky
				}
				return v, nil
			}))
		require.Equal(t, []string{"!", "1", "1"}, r.order)
	})
}

// A policy may keep failures, too.
func TestAFailureServesOthersForItsTTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		r := through(t, every(time.Second, 8), section.Map([]section.Layer{section.Dedup(dedup.Window(time.Minute, dedup.ErrorTTL(3*time.Second)), constant)},
			func(_ context.Context, v int) (int, error) { calls++; return 0, errFlaky }))
		require.Equal(t, 3, calls, "at 0, 3 and 6 s")
		require.Len(t, r.failed, 8)
		require.Zero(t, r.failed[1].Attempts)
		for _, f := range r.failed {
			require.ErrorIs(t, f, errFlaky)
		}
	})
}

// An answer that is due for renewal is renewed by one item; where that fails,
// the item has the old answer, as those beside it have.
func TestAnAnswerIsRenewed(t *testing.T) {
	for name, tt := range map[string]struct {
		err  error
		want []int
	}{
		"and it works":   {nil, []int{1, 1, 2, 2}},
		"and that fails": {errFlaky, []int{1, 1, 1, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				calls := 0
				r := through(t, every(2*time.Second, 4), section.Map([]section.Layer{
					section.Dedup(dedup.Window(3*time.Second, dedup.ServeStale(time.Hour), dedup.ErrorTTL(time.Hour)), constant),
				}, func(context.Context, int) (int, error) {
					if calls++; calls > 1 {
						return calls, tt.err
					}
					return calls, nil
				}))
				require.Equal(t, tt.want, r.out)
				require.Empty(t, r.failed)
				require.Equal(t, 2, calls)
			})
		})
	}
}

func TestALeaderThatIsShedShedsItsFollowers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, source.Slice([]int{0, 1, 1, 0}), section.Map([]section.Layer{
			section.Dedup(dedup.Window(time.Minute), itself),
			section.Guard(guard.Limit(1, guard.Shedding())),
		}, takes(time.Second)))
		require.Equal(t, []string{"0", "!", "0"}, append(r.order[:2:2], r.order[3]))
		for _, f := range r.failed {
			require.ErrorIs(t, f, guard.ErrShed)
		}
	})
}

func TestAKeyThatPanicsOrCannotBeHashedFailsItsItem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, source.Slice(upTo(5)), section.Map([]section.Layer{section.Dedup(dedup.Window(time.Minute), func(v int) any {
			switch v {
			case 1:
				panic("key")
			case 3:
				return []int{v}
			}
			return v
		})}, same, stages.Workers(2)))
		require.Equal(t, []string{"0", "!", "2", "!", "4"}, r.order)
		var p *stages.PanicError
		require.ErrorAs(t, r.failed[0], &p)
		require.Equal(t, "key", p.Value)
		require.ErrorIs(t, r.failed[1], dedup.ErrKey)
		require.NoError(t, r.err)
	})
}

// Package dedup calls such a key a permanent failure, and so it is here.
func TestAKeyThatCannotBeHashedIsNotTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, source.Slice([]int{1}), section.Map([]section.Layer{
			section.Retry(retry.Constant(3, time.Second)),
			section.Dedup(dedup.Window(time.Minute), func(v int) any { return []int{v} }),
		}, same))
		require.ErrorIs(t, r.failed[0], dedup.ErrKey)
		require.Zero(t, r.took)
	})
}

func TestAGoexitInAKeyLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, source.Slice(upTo(10)), section.Map([]section.Layer{section.Dedup(dedup.Window(1), func(v int) int {
			if v == 5 {
				runtime.Goexit()
			}
			return v
		})}, same))
		require.ErrorIs(t, r.failed[0], stages.ErrGoexit)
	})
}

func TestASharedDedupServesSeveralSections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := shared[string](t, time.Hour)
		var calls atomic.Int32
		run := func(r chan<- []int) {
			r <- through(t, source.Slice(upTo(3)), section.Map([]section.Layer{section.Dedup(d, constant)}, func(context.Context, int) (int, error) {
				time.Sleep(time.Second)
				return int(calls.Add(1)), nil
			})).out
		}
		results := make(chan []int)
		go run(results)
		go run(results) // its items follow the other's leader
		require.Equal(t, []int{1, 1, 1}, <-results)
		require.Equal(t, []int{1, 1, 1}, <-results)
		go run(results) // finds the result
		require.Equal(t, []int{1, 1, 1}, <-results)
	})
}

// leaderOf starts a run whose item leads and is aborted after a second, and
// runs another one beside it whose items follow.
func leaderOf(t *testing.T, d *dedup.Dedup[string, section.Answer], layers func(section.Layer) []section.Layer, call func(context.Context, int) (int, error)) *rig[int, int] {
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		through(t, source.Slice([]int{100}), section.Map(layers(section.Dedup(d, constant)), call), after(time.Second, abort))
	}()
	time.Sleep(time.Millisecond)
	r := through(t, source.Slice(upTo(3)), section.Map([]section.Layer{section.Dedup(d, constant)}, takes(time.Second)))
	<-gone
	return r
}

// A flow that is aborted takes its own items with it, and no items of other flows. Items
// that followed its leader ask again, and one of them leads.
func TestFollowersOfAnAbortedFlowGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := leaderOf(t, shared[string](t, time.Hour), func(l section.Layer) []section.Layer {
			return []section.Layer{l, section.Retry(retry.Constant(2, time.Hour, retry.Cap(time.Hour)))}
		}, fails)
		require.Equal(t, []int{0, 0, 0}, r.out)
	})
}

// The same where the leader's call ended because the abort cancelled its context.
func TestFollowersOfACancelledLeaderGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := leaderOf(t, shared[string](t, time.Hour), func(l section.Layer) []section.Layer { return []section.Layer{l} },
			func(ctx context.Context, _ int) (int, error) { <-ctx.Done(); return 0, ctx.Err() })
		require.Equal(t, []int{0, 0, 0}, r.out)
	})
}

// An abort releases items that follow the leader of another flow. What that leader
// answers later is ignored.
func TestAnAbortReleasesTheFollowersOfOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := shared[string](t, time.Hour)
		other := make(chan []int)
		go func() {
			other <- through(t, source.Slice([]int{7}), section.Map([]section.Layer{section.Dedup(d, constant)}, takes(time.Hour))).out
		}()
		time.Sleep(time.Millisecond)
		r := through(t, source.Slice(upTo(50)), section.Map([]section.Layer{section.Dedup(d, constant)}, same), after(time.Second, abort))
		require.Len(t, r.failed, 50)
		require.ErrorIs(t, r.failed[0], stages.ErrAborted)
		require.Equal(t, time.Second, r.took)
		require.Equal(t, []int{7}, <-other)
	})
}

// The types of the results are compared when a graph is validated. If that was left out, an item
// that finds an answer of another type fails, and is not tried again.
func TestASharedAnswerOfAnotherTypeFailsItsItem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := shared[string](t, time.Hour)
		through(t, source.Slice([]int{1}), section.Map([]section.Layer{section.Dedup(d, constant)}, same))
		r := through(t, source.Slice(upTo(3)), section.Map([]section.Layer{section.Retry(retry.Constant(3, time.Second)), section.Dedup(d, constant)},
			func(context.Context, int) (string, error) { return "text", nil }))
		require.NoError(t, r.err)
		require.Len(t, r.failed, 3)
		for _, f := range r.failed {
			require.ErrorContains(t, f, "shared by sections with different result types")
			require.Zero(t, f.Attempts)
		}
		require.Zero(t, r.took)
	})
}

// A layer that has panicked ends the calls that it has begun: their keys in a shared
// deduplicator become free.
func TestABrokenLayerLeavesNoKeyInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		weigh := func(section.Answer) int64 { panic(errOdd) }
		d, err := dedup.New[int](dedup.Window(time.Hour, dedup.MaxWeight(10)), dedup.Hooks[section.Answer]{Weigh: weigh})
		require.NoError(t, err)
		r := through(t, source.Slice(upTo(5)), section.Map([]section.Layer{section.Dedup(d, itself)}, takes(time.Second), stages.Workers(2)))
		require.ErrorIs(t, r.err, errOdd)
		require.Zero(t, d.Snapshot().InFlight)
	})
}

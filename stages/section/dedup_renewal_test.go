package section_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/dedup"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/section"
)

// deduped is a section that shares the calls of all its items.
func deduped(p dedup.Policy, f func(context.Context, int) (int, error)) stages.Stage[int, int] {
	return section.Map([]section.Layer{section.Dedup(p, constant)}, f)
}

// A stale answer is renewed by one item, which waits; the others get the stale one.
func TestDedupServesStaleAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		r := through(t, every(time.Second, 9), deduped(dedup.Window(2500*time.Millisecond, dedup.ServeStale(time.Hour)),
			func(_ context.Context, v int) (int, error) {
				if calls++; calls == 3 {
					return 0, errFlaky
				}
				return v, nil
			}))
		// Kept at 0 s, stale from 2.5 s: renewed at 3 s. Stale again at 5.5 s: the
		// renewal at 6 s fails, and the next item renews.
		require.Equal(t, []int{0, 0, 0, 3, 3, 3, 3, 7, 7}, r.out)
		require.Empty(t, r.failed, "an item whose renewal failed gets what is kept")
		require.Equal(t, 4, calls)
	})
}

// With an ErrorTTL a failure serves later items, too, and is their failure.
func TestDedupKeepsErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		r := through(t, every(time.Second, 5), deduped(dedup.Window(time.Hour, dedup.ErrorTTL(2500*time.Millisecond)),
			func(_ context.Context, v int) (int, error) {
				if calls++; calls == 1 {
					return 0, errFlaky
				}
				return v, nil
			}))
		require.Equal(t, []int{3, 3}, r.out)
		require.Len(t, r.failed, 3)
		for _, f := range r.failed {
			require.ErrorIs(t, f, errFlaky)
		}
		require.Equal(t, 2, calls)
	})
}

// An abort is not kept as the answer, nor taken for a failed renewal.
func TestDedupKeepsNoAbort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		keeps, err := dedup.New[string, section.Answer](dedup.Window(time.Second, dedup.ServeStale(time.Hour), dedup.ErrorTTL(time.Hour)))
		require.NoError(t, err)
		section := func(f func(context.Context, int) (int, error)) stages.Stage[int, int] {
			return section.Map([]section.Layer{section.Dedup(keeps, constant)}, f)
		}
		require.Equal(t, []int{0}, through(t, every(time.Second, 1), section(same)).out)
		time.Sleep(time.Minute)
		r := through(t, every(time.Second, 1), section(func(ctx context.Context, _ int) (int, error) {
			<-ctx.Done()
			return 0, ctx.Err()
		}), after(time.Second, abort))
		require.Len(t, r.failed, 1)
		require.ErrorIs(t, r.failed[0], context.Canceled, "the failure is its own")
		c := keeps.Check(constant(0))
		require.Equal(t, dedup.Stale, c.State, "free to be renewed")
		require.True(t, keeps.Fail(c.Token, errGone))
	})
}

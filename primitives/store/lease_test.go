package store_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/outcome"
	"github.com/weir-go/weir/primitives/store"
	"github.com/weir-go/weir/primitives/store/storetest"
)

var errDown = errors.New("connection refused")

func TestLeaseRefusesNonsense(t *testing.T) {
	m := store.NewMemory()
	for _, c := range []struct {
		name, key, owner string
		term             time.Duration
		want             error
	}{
		{"no owner", "k", "", time.Second, nil},
		{"no term", "k", "me", 0, store.ErrTTL},
		{"negative term", "k", "me", -1, store.ErrTTL},
		{"no key", "", "me", time.Second, store.ErrKey},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, err := store.Acquire(t.Context(), m, c.key, c.owner, c.term)
			require.Error(t, err)
			require.Nil(t, l)
			if c.want != nil {
				require.ErrorIs(t, err, c.want)
			}
		})
	}
}

func TestHeldErrorTellsWhenToComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := store.NewMemory()
		_, err := store.Acquire(t.Context(), m, "k", "a", time.Minute)
		require.NoError(t, err)
		time.Sleep(20 * time.Second)
		_, err = store.Acquire(t.Context(), m, "k", "b", time.Minute)
		require.ErrorIs(t, err, store.ErrHeld)
		o := outcome.Classify(t.Context(), err)
		require.Equal(t, outcome.Outcome{Kind: outcome.Ignored, After: 40 * time.Second}, o)
	})
}

// The answer to a Renew may be lost though it was made. The next one finds that
// the entry is its own.
func TestRenewAfterALostAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := storetest.NewFaulty(store.NewMemory())
		l, err := store.Acquire(t.Context(), f, "k", "a", time.Minute)
		require.NoError(t, err)
		f.Script(func(storetest.Call) storetest.Fault { return storetest.Fault{After: errDown} })
		require.ErrorIs(t, l.Renew(t.Context()), errDown)
		require.Equal(t, time.Minute, l.Left(), "the term goes on as it was")
		f.Fail(nil)
		time.Sleep(30 * time.Second)
		require.NoError(t, l.Renew(t.Context()))
		require.Equal(t, time.Minute, l.Left())
		require.NoError(t, l.Release(t.Context()))
	})
}

// A lease never seems longer to its holder than to the store: its term counts
// from before the store was asked.
func TestLeaseIsShortenedByASlowStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := storetest.NewFaulty(store.NewMemory())
		f.Script(func(c storetest.Call) storetest.Fault {
			if c.Op == storetest.CompareAndSet {
				return storetest.Fault{Delay: 20 * time.Second}
			}
			return storetest.Fault{}
		})
		l, err := store.Acquire(t.Context(), f, "k", "a", time.Minute)
		require.NoError(t, err)
		require.Equal(t, 40*time.Second, l.Left())
		_, err = store.Acquire(t.Context(), f, "other", "a", 10*time.Second)
		require.ErrorIs(t, err, store.ErrLost, "over before it was had")
	})
}

// What cannot be read may be the claim of a newer version: it is left alone, and
// its ttl ends it.
func TestLeaseOfAnotherSchema(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := store.NewMemory()
		for _, value := range []string{"", "not json", `{"v":2,"owner":"x"}`} {
			e, err := m.Load(t.Context(), "k")
			require.NoError(t, err)
			_, err = m.CompareAndSet(t.Context(), "k", e.Revision, []byte(value), time.Minute)
			require.NoError(t, err)
			_, err = store.Acquire(t.Context(), m, "k", "a", time.Second)
			require.ErrorIs(t, err, store.ErrHeld)
		}
		time.Sleep(time.Minute)
		_, err := store.Acquire(t.Context(), m, "k", "a", time.Second)
		require.NoError(t, err)
	})
}

// A store that keeps entries longer than their ttl, as one does whose ttls are
// whole seconds or belong to the bucket, does not keep a lease longer.
func TestLeaseEndsThoughItsEntryStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := rounding{store.NewMemory()}
		_, err := store.Acquire(t.Context(), s, "k", "a", time.Second)
		require.NoError(t, err)
		time.Sleep(time.Second)
		l, err := store.Acquire(t.Context(), s, "k", "b", time.Second)
		require.NoError(t, err)
		require.Equal(t, time.Second, l.Left())
	})
}

type rounding struct{ store.Store }

func (r rounding) CompareAndSet(ctx context.Context, key string, revision uint64, value []byte, _ time.Duration) (uint64, error) {
	return r.Store.CompareAndSet(ctx, key, revision, value, time.Hour)
}

// An answer from the past says that the lease is free; the write knows better.
func TestStaleReadGivesNoLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := storetest.NewFaulty(store.NewMemory())
		_, err := store.Acquire(t.Context(), f, "k", "a", time.Minute)
		require.NoError(t, err)
		f.Script(func(storetest.Call) storetest.Fault { return storetest.Fault{Stale: true} })
		_, err = store.Acquire(t.Context(), f, "k", "b", time.Minute)
		require.ErrorIs(t, err, store.ErrHeld)
	})
}

func TestReleaseTwice(t *testing.T) {
	m := store.NewMemory()
	l, err := store.Acquire(t.Context(), m, "k", "a", time.Minute)
	require.NoError(t, err)
	require.NoError(t, l.Release(t.Context()))
	_, err = store.Acquire(t.Context(), m, "k", "b", time.Minute)
	require.NoError(t, err)
	require.ErrorIs(t, l.Release(t.Context()), store.ErrLost)
	require.ErrorIs(t, l.Renew(t.Context()), store.ErrLost)
	_, err = store.Acquire(t.Context(), m, "k", "c", time.Minute)
	require.ErrorIs(t, err, store.ErrHeld)
	require.ErrorContains(t, err, `by "b"`)
}

// deaf is a store that is down for writes.
type deaf struct{ store.Store }

func (deaf) CompareAndSet(context.Context, string, uint64, []byte, time.Duration) (uint64, error) {
	return 0, errDown
}

// A store that cannot write is down. No other node holds the lease.
func TestAcquireWithTheStoreDown(t *testing.T) {
	_, err := store.Acquire(t.Context(), deaf{store.NewMemory()}, "k", "a", time.Minute)
	require.ErrorIs(t, err, errDown)
	_, held := errors.AsType[*store.HeldError](err)
	require.False(t, held)
}

// If a Release does not reach the store, no process has the lease until its term is over.
func TestReleaseWithTheStoreDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := storetest.NewFaulty(store.NewMemory())
		l, err := store.Acquire(t.Context(), f, "k", "a", time.Minute)
		require.NoError(t, err)
		f.Fail(errDown)
		require.ErrorIs(t, l.Release(t.Context()), errDown)
		require.Zero(t, l.Left())
		f.Fail(nil)
		time.Sleep(time.Minute)
		_, err = store.Acquire(t.Context(), f, "k", "b", time.Minute)
		require.NoError(t, err)
	})
}

// A renewal that fails changes nothing, and one whose answer was lost is found again.
func TestLeaseWhoseAnswersAreLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := storetest.NewFaulty(store.NewMemory())
		l, err := store.Acquire(t.Context(), f, "k", "me", time.Minute)
		require.NoError(t, err)
		time.Sleep(20 * time.Second)
		f.Fail(errDown)
		require.ErrorIs(t, l.Renew(t.Context()), errDown)
		require.Equal(t, 40*time.Second, l.Left())
		f.Script(func(c storetest.Call) storetest.Fault { return storetest.Fault{After: errDown} })
		require.ErrorIs(t, l.Renew(t.Context()), errDown)
		f.Fail(nil)
		require.NoError(t, l.Release(t.Context()))
		_, err = store.Acquire(t.Context(), f, "k", "next", time.Minute)
		require.NoError(t, err, "it is free")
	})
}

// A lease that was lost has no time left, whatever its term was.
func TestLeaseThatWasTakenHasNoTimeLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := store.NewMemory()
		l, err := store.Acquire(t.Context(), m, "k", "me", time.Minute)
		require.NoError(t, err)
		_, err = m.CompareAndSet(t.Context(), "k", l.Revision(), []byte("{}"), time.Minute)
		require.NoError(t, err)
		require.ErrorIs(t, l.Renew(t.Context()), store.ErrLost)
		require.Zero(t, l.Left())
		require.ErrorIs(t, l.Release(t.Context()), store.ErrLost)
	})
}

package ack

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/stages"
)

// together returns positions from first on, each with its number as value.
func together(first, n int) (all Positions[int, int]) {
	for at := first; at < first+n; at++ {
		all.At, all.Values, all.Receipts = append(all.At, at), append(all.Values, at), append(all.Receipts, stages.Receipt{})
	}
	return all
}

// More positions than the window has room for are emitted in parts, in order.
func TestPositionsThatAreDeliveredTogetherWaitForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &log{}
		c := &Commits[string, int]{Window: 10, Commit: l.commit}
		n := -1
		w := flowOf(t, func(ctx context.Context, out *stages.Outlet[int]) (err error) {
			n, err = c.DeliverAll(ctx, out, "a", together(0, 25))
			return err
		})
		for at := range 25 {
			synctest.Wait()
			require.Equal(t, 10, max(10, openOf(c, "a")))
			w.release(nil, at)
		}
		require.NoError(t, w.wait())
		require.Equal(t, 25, n)
		require.NoError(t, c.Close(t.Context()))
		require.Equal(t, 24, last(l.committed()["a"]))
	})
}

func last(all []int) int { return all[len(all)-1] }

// The partition is given up while a part waits for room: the rest is refused.
func TestPositionsThatAreDeliveredTogetherAreRefusedBehindARevocation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &log{}
		c := &Commits[string, int]{Window: 10, Commit: l.commit}
		n, failure := -1, error(nil)
		w := flowOf(t, func(ctx context.Context, out *stages.Outlet[int]) error {
			n, failure = c.DeliverAll(ctx, out, "a", together(0, 25))
			return nil
		})
		synctest.Wait()
		c.Forget("a")
		synctest.Wait()
		for at := range 10 {
			w.release(nil, at)
		}
		require.NoError(t, w.wait())
		require.Equal(t, 10, n)
		require.ErrorIs(t, failure, ErrForgotten)
		require.NoError(t, c.Close(t.Context()))
		require.Empty(t, l.committed())
		require.Zero(t, c.Health().Unsettled)
	})
}

// One of several that is handed back comes again, with its number of deliveries, and holds up the
// commits of those behind it and of no other.
func TestOneOfPositionsThatWereDeliveredTogetherComesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &log{}
		c := &Commits[string, int]{Commit: l.commit}
		w := flowOf(t, func(ctx context.Context, out *stages.Outlet[int]) error {
			_, err := c.DeliverAll(ctx, out, "a", together(0, 5))
			if err == nil {
				time.Sleep(time.Minute)
			}
			return err
		})
		synctest.Wait()
		for _, at := range []int{0, 1, 3, 4} {
			w.release(nil, at)
		}
		w.release(stages.HandBack(time.Second), 2)
		synctest.Wait()
		require.Equal(t, 1, last(l.committed()["a"]))
		time.Sleep(2 * time.Second)
		synctest.Wait()
		w.release(nil, 2)
		synctest.Wait()
		require.Equal(t, 4, last(l.committed()["a"]))
		require.NoError(t, w.wait())
		require.NoError(t, c.Close(t.Context()))
	})
}

// The context of a lease is made when something looks at it, and is that of package context then.
func TestTheContextOfALeaseIsThatOfPackageContext(t *testing.T) {
	for name, look := range map[string]bool{"looked at before": true, "looked at behind": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				type key struct{}
				parent, cancel := context.WithTimeout(context.WithValue(t.Context(), key{}, "tenant"), time.Second)
				l := &Leases[int]{Term: time.Minute, Renew: func(context.Context, []int) ([]int, error) { return nil, nil }}
				all := l.HoldAll(parent, 1, 2, 3)
				cancel()
				var derived context.Context
				var ended sync.WaitGroup
				if look {
					var end func()
					derived, end = context.WithCancel(all[0])
					defer end()
					ended.Add(1)
					context.AfterFunc(all[0], ended.Done)
				}
				require.Equal(t, "tenant", all[0].Value(key{}))
				require.NoError(t, all[0].Err(), "the end of the parent is not that of the lease")
				require.NoError(t, context.Cause(all[0]))
				_, has := all[0].Deadline()
				require.False(t, has)
				again := l.HoldAll(t.Context(), 1)[0] // the queue hands it out again
				require.ErrorIs(t, all[0].Err(), context.Canceled)
				require.ErrorIs(t, context.Cause(all[0]), ErrLost)
				<-all[0].Done()
				if look {
					<-derived.Done()
					require.ErrorIs(t, context.Cause(derived), ErrLost)
					ended.Wait()
				}
				require.Equal(t, 3, l.Snapshot().Held)
				all[0].End() // it is not that of the delivery any more
				require.Equal(t, 3, l.Snapshot().Held)
				all[1].End()
				all[1].End()
				require.ErrorIs(t, all[1].Err(), context.Canceled)
				require.ErrorIs(t, context.Cause(all[1]), context.Canceled)
				<-all[1].Done()
				require.Equal(t, 2, l.Snapshot().Held)
				l.Close()
				require.ErrorIs(t, context.Cause(again), ErrClosed)
				require.ErrorIs(t, context.Cause(l.HoldAll(t.Context(), 9)[0]), ErrClosed)
			})
		})
	}
}

package ack

import (
	"context"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/stages"
)

// broker hands out deliveries for a term of 3 s, and notes renewals.
type broker struct {
	start time.Time
	takes time.Duration
	err   error
	lost  []int

	mu    sync.Mutex
	calls [][]int
	at    []time.Duration
}

func newBroker() *broker { return &broker{start: time.Now()} }

func (b *broker) renew(ctx context.Context, ids []int) ([]int, error) {
	b.mu.Lock()
	b.calls = append(b.calls, slices.Sorted(slices.Values(ids)))
	b.at = append(b.at, time.Since(b.start))
	takes := b.takes
	b.mu.Unlock()
	if takes > 0 {
		select {
		case <-time.After(takes):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.lost, b.err
}

// set changes what the broker does.
func (b *broker) set(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f()
}

func (b *broker) renewals() ([][]int, []time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.calls, b.at
}

const s = time.Second

// What is held is renewed, all together, until it is settled. A delivery that is done soon
// costs no renewal.
func TestLeasesAreRenewedWhileTheyAreHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker()
		l := &Leases[int]{Term: 3 * s, Renew: b.renew}
		one, endOne := l.Hold(t.Context(), 1)
		time.Sleep(s / 2)
		two, endTwo := l.Hold(t.Context(), 2)
		_, endThree := l.Hold(t.Context(), 3)
		endThree()
		endThree()
		time.Sleep(2 * s)
		require.Equal(t, LeasesSnapshot{Held: 2, Renewed: 4}, l.Snapshot())
		require.Equal(t, stages.Health{Unsettled: 2, Lag: -1}, l.Health())
		endOne()
		require.Error(t, one.Err())
		time.Sleep(13 * s)
		require.NoError(t, two.Err(), "after five terms")
		endTwo()
		time.Sleep(time.Hour)
		calls, at := b.renewals()
		require.Equal(t, [][]int{{1, 2}, {1, 2}, {2}}, calls[:3])
		require.Len(t, calls, 15, "nothing is renewed when nothing is held")
		for i, d := range at {
			require.Equal(t, time.Duration(i+1)*s, d)
		}
		_, end := l.Hold(t.Context(), 1)
		time.Sleep(3 * s / 2)
		end()
		calls, _ = b.renewals()
		require.Len(t, calls, 16)
		l.Close()
	})
}

func TestLeasesAreRenewedInBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker()
		l := &Leases[int]{Term: 30 * s, Every: 20 * s, Size: 10, Renew: b.renew}
		var ends []func()
		for id := range 25 {
			_, end := l.Hold(t.Context(), id)
			ends = append(ends, end)
		}
		time.Sleep(21 * s)
		calls, at := b.renewals()
		require.Equal(t, []int{10, 10, 5}, []int{len(calls[0]), len(calls[1]), len(calls[2])})
		require.Equal(t, []time.Duration{20 * s, 20 * s, 20 * s}, at)
		require.Len(t, slices.Compact(slices.Sorted(slices.Values(slices.Concat(calls...)))), 25)
		for _, end := range ends {
			end()
		}
		l.Close()
	})
}

// The context has the values that it was given, and not the end: the context of a source
// ends when the intake stops.
func TestTheContextOfALease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type key struct{}
		given, stop := context.WithCancel(context.WithValue(t.Context(), key{}, "trace"))
		l := &Leases[int]{Term: s, Renew: newBroker().renew}
		ctx, end := l.Hold(given, 1)
		stop()
		require.NoError(t, ctx.Err())
		require.Equal(t, "trace", ctx.Value(key{}))
		end()
		require.ErrorIs(t, ctx.Err(), context.Canceled)
		require.NotErrorIs(t, context.Cause(ctx), stages.ErrHandedBack)
		l.Close()
	})
}

// wasLost checks that a context has ended as that of a lost lease.
func wasLost(t *testing.T, ctx context.Context, why string) {
	t.Helper()
	require.Error(t, ctx.Err())
	require.ErrorIs(t, context.Cause(ctx), ErrLost)
	require.ErrorIs(t, context.Cause(ctx), stages.ErrHandedBack)
	require.ErrorContains(t, context.Cause(ctx), why)
}

func TestALeaseThatTheQueueSaysIsLost(t *testing.T) {
	for name, err := range map[string]error{"alone": nil, "with an error": errFlaky} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBroker()
				b.lost, b.err = []int{2, 7}, err
				told := map[int]error{}
				l := &Leases[int]{Term: 3 * s, Renew: b.renew, Lost: func(id int, err error) { told[id] = err }}
				one, _ := l.Hold(t.Context(), 1)
				two, end := l.Hold(t.Context(), 2)
				time.Sleep(s)
				synctest.Wait()
				require.NoError(t, one.Err())
				wasLost(t, two, "2: the queue says so")
				require.Equal(t, map[int]error{2: context.Cause(two)}, told)
				end()
				require.EqualValues(t, 1, l.Snapshot().Lost)
				l.Close()
			})
		})
	}
}

// A renewal that fails is tried again at the next time. What could not be renewed for a
// whole term is lost at that moment.
func TestALeaseThatCannotBeRenewed(t *testing.T) {
	for name, fail := range map[string]func(*broker){
		"errors": func(b *broker) { b.err = errFlaky },
		"hangs":  func(b *broker) { b.takes = time.Hour },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBroker()
				var lost []time.Duration
				l := &Leases[int]{Term: 3 * s, Renew: b.renew, Lost: func(_ int, why error) {
					b.set(func() {
						lost = append(lost, time.Since(b.start))
						if b.err != nil {
							assert.ErrorIs(t, why, b.err, "why it was not renewed")
						}
					})
				}}
				one, _ := l.Hold(t.Context(), 1)
				time.Sleep(s + s/2) // it is renewed once, at 1 s
				b.set(func() { fail(b) })
				two, _ := l.Hold(t.Context(), 2)
				time.Sleep(s)
				synctest.Wait()
				require.NoError(t, one.Err())
				time.Sleep(s + s/2 - 1)
				require.NoError(t, one.Err())
				time.Sleep(time.Nanosecond)
				synctest.Wait()
				wasLost(t, one, "1: ")
				require.NoError(t, two.Err())
				time.Sleep(s)
				wasLost(t, two, "2: ")
				b.set(func() { require.Equal(t, []time.Duration{4 * s, 4*s + s/2}, lost) })
				snap := l.Snapshot()
				require.Error(t, snap.Err)
				require.Equal(t, LeasesSnapshot{Renewed: 1, Lost: 2, Err: snap.Err, At: snap.At}, snap)
				b.set(func() { b.err, b.takes = nil, 0 })
				three, end := l.Hold(t.Context(), 3)
				time.Sleep(10 * s)
				require.NoError(t, three.Err())
				end()
				l.Close()
			})
		})
	}
}

// A renewal that takes longer than Every goes on with the leases that end soonest.
func TestARenewalThatIsSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker()
		b.takes = s / 2
		l := &Leases[int]{Term: 6 * s, Every: s, Size: 1, Renew: b.renew}
		for id := range 6 {
			_, _ = l.Hold(t.Context(), id)
		}
		time.Sleep(time.Minute)
		require.Zero(t, l.Snapshot().Lost)
		l.Close()
	})
}

func TestADeliveryThatIsHandedOutAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &Leases[int]{Term: 3 * s, Renew: newBroker().renew}
		older, endOlder := l.Hold(t.Context(), 1)
		newer, end := l.Hold(t.Context(), 1)
		wasLost(t, older, "it was handed out again")
		endOlder()
		time.Sleep(time.Minute)
		require.NoError(t, newer.Err())
		require.Equal(t, 1, l.Snapshot().Held)
		end()
		l.Close()
	})
}

// User code that breaks costs a renewal, and no more.
func TestARenewThatBreaks(t *testing.T) {
	for name, breaks := range map[string]func(){"panic": func() { panic(errFlaky) }, "exit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				calls := 0
				l := &Leases[int]{Term: 3 * s, Lost: func(int, error) { breaks() }, Renew: func(_ context.Context, ids []int) ([]int, error) {
					if calls++; calls == 1 {
						breaks()
					}
					if calls == 4 {
						return ids, nil
					}
					return nil, nil
				}}
				ctx, _ := l.Hold(t.Context(), 1)
				time.Sleep(3*s + s/2)
				require.NoError(t, ctx.Err())
				require.EqualValues(t, 2, l.Snapshot().Renewed)
				require.Error(t, l.Snapshot().Err)
				time.Sleep(s)
				wasLost(t, ctx, "the queue says so")
				l.Close()
			})
		})
	}
}

func TestCloseOfLeases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker()
		b.takes = time.Hour
		l := &Leases[int]{Term: 3 * s, Renew: b.renew}
		held, end := l.Hold(t.Context(), 1)
		time.Sleep(s + s/2) // Renew is at work
		l.Close()
		require.Equal(t, s+s/2, time.Since(b.start))
		require.ErrorIs(t, context.Cause(held), ErrClosed)
		require.ErrorIs(t, context.Cause(held), stages.ErrHandedBack)
		end()
		late, end := l.Hold(t.Context(), 2)
		require.ErrorIs(t, context.Cause(late), ErrClosed)
		end()
		require.Zero(t, l.Snapshot().Held)
		require.NoError(t, l.Snapshot().Err, "the end of Renew by Close is no trouble")
		time.Sleep(time.Hour)
		require.Len(t, b.calls, 1)
		l.Close()
	})
}

func TestLeasesSayWhatIsWrongWithThem(t *testing.T) {
	l := &Leases[int]{Term: -1, Every: -1, Size: -1}
	ctx, end := l.Hold(t.Context(), 1)
	end()
	for _, fault := range []string{"Renew is nil", "Term is not positive", "Every is negative", "Size is negative"} {
		require.ErrorContains(t, context.Cause(ctx), fault)
	}
	require.NotErrorIs(t, context.Cause(ctx), stages.ErrHandedBack)
	l = &Leases[int]{Term: 1, Every: 1, Renew: newBroker().renew}
	require.ErrorContains(t, l.Validate(), "Every is not less than Term")
	l.Close()
}

// Leases against a model of the queue: as long as renewals do not fail for a term, no
// lease is lost, and no delivery is handed out that is held.
func TestLeasesAgainstAModel(t *testing.T) {
	for seed := range uint64(50) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 0))
			const term = 3 * s
			var mu sync.Mutex
			until := map[int]time.Time{} // what the queue knows
			next := time.Duration(0)
			l := &Leases[int]{Term: term, Renew: func(_ context.Context, ids []int) ([]int, error) {
				mu.Lock()
				defer mu.Unlock()
				next++
				if next%3 == 1 { // every third call, so never a whole term
					return nil, errFlaky
				}
				var lost []int
				for _, id := range ids {
					if !until[id].IsZero() && until[id].Before(time.Now()) {
						lost = append(lost, id)
					} else if !until[id].IsZero() {
						until[id] = time.Now().Add(term)
					}
				}
				return lost, nil
			}}
			held := map[int]context.Context{}
			ends := map[int]func(){}
			for id := range 100 {
				mu.Lock()
				until[id] = time.Now().Add(term)
				mu.Unlock()
				held[id], ends[id] = l.Hold(t.Context(), id)
				time.Sleep(time.Duration(r.IntN(400)) * time.Millisecond)
				for other, ctx := range held {
					require.NoError(t, ctx.Err())
					if r.IntN(8) == 0 {
						ends[other]()
						mu.Lock()
						delete(until, other)
						mu.Unlock()
						delete(held, other)
					}
				}
			}
			for id := range held {
				ends[id]()
			}
			l.Close()
			require.Zero(t, l.Snapshot().Lost)
		})
	}
}

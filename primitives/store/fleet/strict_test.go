package fleet_test

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/dedup"
	"github.com/weir-go/weir/primitives/outcome"
	"github.com/weir-go/weir/primitives/store"
	"github.com/weir-go/weir/primitives/store/fleet"
	"github.com/weir-go/weir/primitives/store/storetest"
)

// Row 36: with the store down every process does the work, once each, and waits
// for the store no longer than the timeout, and that not every time.
func TestDedupStoreDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := workers(t, store.NewMemory(), 2, time.Minute)
		for _, w := range all {
			w.way.Script(func(storetest.Call) storetest.Fault { return storetest.Fault{Delay: time.Hour} })
		}
		j := &job{takes: time.Second}
		for _, a := range doAll(t.Context(), all, 10, "k", j.run) {
			require.NoError(t, a.err)
			require.Equal(t, time.Second+50*time.Millisecond, a.after)
		}
		require.Equal(t, int64(2), j.done.Load())
		begin := time.Now()
		for i := range 100 {
			_, err := all[0].Do(t.Context(), string(rune('A'+i)), func(context.Context) (int, error) { return 0, nil })
			require.NoError(t, err)
		}
		require.LessOrEqual(t, time.Since(begin), 50*time.Millisecond, "one of them may ask")
		for _, w := range all {
			w.way.Script(nil)
		}
		time.Sleep(time.Second)
		for _, a := range doAll(t.Context(), all, 1, "new", (&job{}).run) {
			require.Equal(t, 1, a.value)
		}
		for _, w := range all {
			require.Equal(t, downAndUp, w.events)
		}
	})
}

// A store that hangs is given up after the timeout, also if the caller that asked it
// first had less time than that and others have more.
func TestDedupTimeoutHoldsThoughTheDeadlineMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorker(t, store.NewMemory(), "a", time.Minute)
		w.way.Script(func(storetest.Call) storetest.Fault { return storetest.Fault{Delay: time.Hour} })
		hurried, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		j := &job{}
		go func() { _, _ = w.Do(hurried, "k", j.run) }()
		time.Sleep(5 * time.Millisecond)
		begin := time.Now()
		v, err := w.Do(t.Context(), "k", j.run)
		require.NoError(t, err)
		require.Equal(t, 1, v)
		require.Equal(t, 45*time.Millisecond, time.Since(begin))
	})
}

// Row 36: the store goes down while the work is done, and while others wait.
func TestDedupStoreGoesDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := workers(t, store.NewMemory(), 2, time.Minute)
		j := &job{takes: 20 * time.Second}
		var got []answer
		done := make(chan struct{})
		go func() {
			defer close(done)
			got = doAll(t.Context(), all, 3, "k", j.run)
		}()
		time.Sleep(time.Second)
		synctest.Wait()
		require.Equal(t, int64(1), j.done.Load())
		for _, w := range all {
			w.way.Fail(errDown)
		}
		<-done
		for _, a := range got {
			require.NoError(t, a.err)
			require.LessOrEqual(t, a.after, 22*time.Second)
		}
		require.Equal(t, int64(2), j.done.Load(), "once in each process")
	})
}

// The store was down for less than a term: no caller has noticed.
func TestDedupClaimOutlivesAHiccup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := workers(t, store.NewMemory(), 2, time.Minute, fleet.Strict())
		j := &job{takes: 20 * time.Second}
		result := make(chan answer, 1)
		go func() {
			v, err := all[0].Do(t.Context(), "k", j.run)
			result <- answer{value: v, err: err}
		}()
		time.Sleep(time.Second)
		all[0].way.Fail(errDown)
		time.Sleep(3 * time.Second)
		all[0].way.Fail(nil)
		v, err := all[1].Do(t.Context(), "k", j.run)
		require.NoError(t, err)
		require.Equal(t, 1, v)
		require.Equal(t, answer{value: 1}, <-result)
	})
}

// Strict: no store, no work, and that is known at once.
func TestStrictStoreDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorker(t, store.NewMemory(), "a", time.Minute, fleet.Strict())
		w.way.Fail(errDown)
		j := &job{}
		_, err := w.Do(t.Context(), "k", j.run)
		require.ErrorIs(t, err, fleet.ErrStore)
		require.ErrorIs(t, err, errDown)
		require.EqualError(t, err, `fleet "answers": store is down; connection refused`)
		require.Equal(t, outcome.Ignored, outcome.Classify(t.Context(), err).Kind)
		calls := w.way.Calls()
		_, err = w.Do(t.Context(), "k", j.run)
		require.ErrorIs(t, err, fleet.ErrStore)
		require.Equal(t, calls, w.way.Calls())
		require.Zero(t, j.done.Load())
		w.way.Fail(nil)
		time.Sleep(time.Second)
		_, err = w.Do(t.Context(), "k", j.run)
		require.NoError(t, err)
	})
}

// The wait for another node is bounded.
func TestDedupWaitIsBounded(t *testing.T) {
	for _, strict := range []bool{false, true} {
		bubble(t, map[bool]string{false: "lenient", true: "strict"}[strict], func(t *testing.T) {
			opts := []fleet.Option{fleet.Wait(10 * time.Second)}
			if strict {
				opts = append(opts, fleet.Strict())
			}
			all := workers(t, store.NewMemory(), 2, time.Minute, opts...)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			go func() {
				_, _ = all[0].Do(ctx, "k", func(ctx context.Context) (int, error) {
					<-ctx.Done()
					return 0, ctx.Err()
				})
			}()
			synctest.Wait()
			begin := time.Now()
			v, err := all[1].Do(t.Context(), "k", func(context.Context) (int, error) { return 2, nil })
			require.Equal(t, 10*time.Second, time.Since(begin))
			if strict {
				require.ErrorIs(t, err, fleet.ErrBusy)
				return
			}
			require.NoError(t, err)
			require.Equal(t, 2, v)
			require.Equal(t, uint64(1), all[1].Snapshot().Alone)
		})
	}
}

// A strict worker that has lost its claim is told so before another can have
// begun. One that is not strict works on.
func TestDedupClaimLost(t *testing.T) {
	for _, strict := range []bool{false, true} {
		bubble(t, map[bool]string{false: "lenient", true: "strict"}[strict], func(t *testing.T) {
			var opts []fleet.Option
			if strict {
				opts = append(opts, fleet.Strict())
			}
			all := workers(t, store.NewMemory(), 2, time.Minute, opts...)
			j := &job{takes: 20 * time.Second}
			result := make(chan answer, 1)
			go func() {
				begin := time.Now()
				v, err := all[0].Do(t.Context(), "k", j.run)
				result <- answer{v, err, time.Since(begin)}
			}()
			synctest.Wait()
			all[0].way.Fail(errDown)
			second := &job{takes: time.Second}
			v, err := all[1].Do(t.Context(), "k", second.run)
			require.NoError(t, err)
			require.Equal(t, 1, v)
			all[0].way.Fail(nil)
			got := <-result
			if !strict {
				require.Equal(t, answer{1, nil, 20 * time.Second}, got)
				require.Equal(t, uint64(1), all[0].Snapshot().Unshared, "the successor's result stands")
				return
			}
			require.ErrorIs(t, got.err, fleet.ErrClaim)
			require.Equal(t, 4500*time.Millisecond, got.after)
			require.Equal(t, outcome.Failure, outcome.Classify(t.Context(), got.err).Kind)
		})
	}
}

// Whatever the work returns when its claim is lost, the error says so.
func TestDedupClaimLostIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorker(t, store.NewMemory(), "a", time.Minute, fleet.Strict())
		_, err := w.Do(t.Context(), "k", func(ctx context.Context) (int, error) {
			w.way.Fail(errDown)
			<-ctx.Done()
			return 0, errSick
		})
		require.ErrorIs(t, err, errSick)
		require.ErrorIs(t, err, fleet.ErrClaim)
		require.EqualError(t, err, `fleet "answers": claim is lost; service is sick`)
	})
}

// If another worker has written over the claim, the next renewal finds out.
func TestStrictClaimOverwritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := store.NewMemory()
		w := newWorker(t, m, "a", time.Minute, fleet.Strict(), fleet.Claim(6*time.Second))
		time.AfterFunc(time.Second, func() { put(t, m, "dedup/answers/k/work", []byte("garbage")) })
		begin := time.Now()
		_, err := w.Do(t.Context(), "k", (&job{takes: time.Minute}).run)
		require.ErrorIs(t, err, fleet.ErrClaim)
		require.Equal(t, 2*time.Second, time.Since(begin))
	})
}

// A result is not kept waiting for a store that is known to be down, and of many
// callers one finds out whether it is back.
func TestDedupDoesNotWaitForAStoreThatIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorker(t, store.NewMemory(), "a", time.Minute)
		result := make(chan answer, 1)
		go func() { result <- doAll(t.Context(), []*worker{w}, 1, "k", (&job{takes: time.Second}).run)[0] }()
		time.Sleep(900 * time.Millisecond)
		w.way.Script(func(storetest.Call) storetest.Fault { return storetest.Fault{Delay: time.Hour} })
		_, err := w.Do(t.Context(), "other", (&job{}).run)
		require.NoError(t, err)
		require.Equal(t, answer{1, nil, time.Second}, <-result)
		time.Sleep(time.Second)
		calls := w.way.Calls(storetest.Load)
		done := make(chan struct{})
		for i := range 100 {
			go func() {
				_, _ = w.Do(t.Context(), strconv.Itoa(i), (&job{}).run)
				done <- struct{}{}
			}()
		}
		for range 100 {
			<-done
		}
		require.Equal(t, calls+1, w.way.Calls(storetest.Load))
	})
}

// The answer to a claim is lost: no worker knows of it, so its own term ends it.
func TestDedupClaimWithoutAnAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := workers(t, store.NewMemory(), 2, time.Minute, fleet.Strict())
		all[0].way.Script(func(c storetest.Call) storetest.Fault {
			if c.Op == storetest.CompareAndSet {
				return storetest.Fault{After: errDown}
			}
			return storetest.Fault{}
		})
		_, err := all[0].Do(t.Context(), "k", (&job{}).run)
		require.ErrorIs(t, err, fleet.ErrStore)
		begin := time.Now()
		v, err := all[1].Do(t.Context(), "k", (&job{}).run)
		require.NoError(t, err)
		require.Equal(t, 1, v)
		require.Equal(t, 5*time.Second, time.Since(begin))
	})
}

// The answers to renewals and to the result are lost. The entry is known to be
// the claim's own all the same.
func TestDedupLostAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := workers(t, store.NewMemory(), 2, time.Minute, fleet.Strict(), fleet.Every(time.Millisecond))
		all[0].way.Script(func(c storetest.Call) storetest.Fault {
			if c.Op == storetest.CompareAndSet && c.N > 1 {
				return storetest.Fault{After: errDown}
			}
			return storetest.Fault{}
		})
		j := &job{takes: 19 * time.Second}
		got := make(chan answer, 2)
		for _, w := range all { // the one whose answers are lost first
			go func() { got <- doAll(t.Context(), []*worker{w}, 1, "k", j.run)[0] }()
			synctest.Wait()
		}
		for range all {
			require.Equal(t, answer{1, nil, 19 * time.Second}, <-got)
		}
		require.Equal(t, int64(1), j.done.Load())
	})
}

// Row 37: reads are old, and writes conflict. It takes longer, and no work is
// done twice for it.
func TestDedupStaleReadsAndConflicts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := workers(t, store.NewMemory(), 8, time.Minute, fleet.Strict())
		for _, w := range all {
			w.way.Script(func(c storetest.Call) storetest.Fault {
				return storetest.Fault{
					Stale: c.Op == storetest.Load && c.N%2 == 0,
					Drop:  c.Op == storetest.Event && c.N > 1,
				}
			})
		}
		j := &job{takes: 3 * time.Second}
		for _, a := range doAll(t.Context(), all, 4, "k", j.run) {
			require.NoError(t, a.err)
			require.Equal(t, 1, a.value)
			require.Less(t, a.after, 5*time.Second)
		}
		require.Equal(t, int64(1), j.done.Load())
	})
}

// A store that never lets a write through makes no hot loop.
func TestDedupConflictsForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorker(t, mute{store.NewMemory()}, "a", time.Minute, fleet.Wait(10*time.Second))
		w.way.Script(func(c storetest.Call) storetest.Fault {
			if c.Op == storetest.CompareAndSet {
				return storetest.Fault{Err: store.ErrConflict}
			}
			return storetest.Fault{}
		})
		v, err := w.Do(t.Context(), "k", (&job{}).run)
		require.NoError(t, err)
		require.Equal(t, 1, v)
		require.Less(t, w.way.Calls(), 60)
	})
}

// Row 37: an entry that cannot be read. The lenient do the work and write over
// it; the strict wait for its end, since it may be a claim.
func TestDedupUnreadableEntry(t *testing.T) {
	for _, strict := range []bool{false, true} {
		bubble(t, map[bool]string{false: "lenient", true: "strict"}[strict], func(t *testing.T) {
			opts := []fleet.Option{fleet.Wait(2 * time.Hour)}
			if strict {
				opts = append(opts, fleet.Strict())
			}
			m := store.NewMemory()
			put(t, m, "dedup/answers/k/work", []byte("garbage"))
			all := workers(t, m, 2, 24*time.Hour, opts...)
			begin := time.Now()
			v, err := all[0].Do(t.Context(), "k", (&job{}).run)
			require.NoError(t, err)
			require.Equal(t, 1, v)
			require.Positive(t, all[0].Snapshot().Ignored)
			require.InDelta(t, map[bool]time.Duration{true: time.Hour}[strict], time.Since(begin), float64(time.Second))
			v, err = all[1].Do(t.Context(), "k", func(context.Context) (int, error) { return 2, nil })
			require.NoError(t, err)
			require.Equal(t, 1, v)
		})
	}
}

// A result that its reader cannot decode, such as one of a newer program, is
// worked out again; the strict say so instead.
func TestDedupCannotDecode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		errNewer := errors.New("made by a newer program")
		for _, strict := range []bool{false, true} {
			m := store.NewMemory()
			_, err := newWorker(t, m, "newer", time.Minute).Do(t.Context(), "k", (&job{}).run)
			require.NoError(t, err)
			opts := []fleet.Option{fleet.Node("older")}
			if strict {
				opts = append(opts, fleet.Strict())
			}
			older, err := fleet.NewDedup(m, dedup.Window(time.Minute, dedup.Name("answers")),
				fleet.Codec[string, int]{Decode: func([]byte) (int, error) { return 0, errNewer }}, opts...)
			require.NoError(t, err)
			v, err := older.Do(t.Context(), "k", func(context.Context) (int, error) { return 2, nil })
			if strict {
				require.ErrorIs(t, err, errNewer)
				continue
			}
			require.NoError(t, err)
			require.Equal(t, 2, v)
		}
	})
}

// The store keeps entries for longer than their ttl, as some do whose ttl is that
// of the whole bucket: ages decide.
func TestDedupStoreThatKeepsTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := workers(t, keeper{store.NewMemory()}, 3, time.Minute)
		go func() {
			_, _ = all[0].Do(t.Context(), "k", func(ctx context.Context) (int, error) {
				all[0].way.Fail(errDown)
				<-ctx.Done()
				return 0, ctx.Err()
			})
		}()
		synctest.Wait()
		begin := time.Now()
		v, err := all[1].Do(t.Context(), "k", (&job{}).run)
		require.NoError(t, err)
		require.Equal(t, 1, v)
		require.Equal(t, 5*time.Second, time.Since(begin))
		time.Sleep(time.Minute)
		v, err = all[2].Do(t.Context(), "k", func(context.Context) (int, error) { return 3, nil })
		require.NoError(t, err)
		require.Equal(t, 3, v)
	})
}

type keeper struct{ store.Store }

func (k keeper) CompareAndSet(ctx context.Context, key string, revision uint64, value []byte, _ time.Duration) (uint64, error) {
	return k.Store.CompareAndSet(ctx, key, revision, value, 24*time.Hour)
}

package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/dedup"
	"github.com/weir-go/weir/primitives/store"
	"github.com/weir-go/weir/primitives/store/fleet"
	"github.com/weir-go/weir/primitives/store/storetest"
)

// worker is a dedup of a fleet as a test sees it.
type worker struct {
	*fleet.Dedup[string, int]
	way    *storetest.Faulty
	events []fleet.EventKind // to be read when all is still
}

func newWorker(t *testing.T, s store.Store, name string, ttl time.Duration, opts ...fleet.Option) *worker {
	t.Helper()
	w := &worker{way: storetest.NewFaulty(s)}
	onEvent := fleet.OnEvent(func(e fleet.Event) { w.events = append(w.events, e.Kind) })
	d, err := fleet.NewDedup(w.way, dedup.Window(ttl, dedup.Name("answers")), fleet.Codec[string, int]{},
		append([]fleet.Option{fleet.Node(name), onEvent}, opts...)...)
	require.NoError(t, err)
	w.Dedup = d
	return w
}

func workers(t *testing.T, s store.Store, count int, ttl time.Duration, opts ...fleet.Option) (all []*worker) {
	t.Helper()
	for i := range count {
		all = append(all, newWorker(t, s, string(rune('a'+i)), ttl, opts...))
	}
	return all
}

// job is work that takes a while and counts how often it is done.
type job struct {
	takes time.Duration
	err   error
	done  atomic.Int64
	at    atomic.Int64 // how many are at it now
	most  atomic.Int64 // how many ever were
}

func (j *job) run(ctx context.Context) (int, error) {
	j.most.Store(max(j.most.Load(), j.at.Add(1)))
	defer j.at.Add(-1)
	n := j.done.Add(1)
	select {
	case <-time.After(j.takes):
		return int(n), j.err
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

type answer struct {
	value int
	err   error
	after time.Duration
}

// doAll has every worker ask for key at once, times over.
func doAll(ctx context.Context, all []*worker, times int, key string, f func(context.Context) (int, error)) []answer {
	answers := make(chan answer, len(all)*times)
	begin := time.Now()
	for _, w := range all {
		for range times {
			go func() {
				v, err := w.Do(ctx, key, f)
				answers <- answer{v, err, time.Since(begin)}
			}()
		}
	}
	var got []answer
	for range len(all) * times {
		got = append(got, <-answers)
	}
	return got
}

// However many ask, in however many processes, the work is done once, and all
// have the result at the same time.
func TestDedupOnceForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := workers(t, store.NewMemory(), 5, time.Minute)
		j := &job{takes: 20 * time.Second} // many claims long
		for _, a := range doAll(t.Context(), all, 10, "k", j.run) {
			require.NoError(t, a.err)
			require.Equal(t, answer{1, nil, 20 * time.Second}, a)
		}
		var runs, taken uint64
		for _, w := range all {
			s := w.Snapshot()
			runs, taken = runs+s.Runs, taken+s.Taken
			require.Zero(t, s.Alone+s.Unshared+s.Ignored)
			require.Equal(t, uint64(1), s.Local.Completed)
		}
		require.Equal(t, uint64(1), runs)
		require.Equal(t, uint64(4), taken)
	})
}

// A store that tells nothing is asked every so often.
func TestDedupPolls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := workers(t, mute{store.NewMemory()}, 2, time.Minute, fleet.Every(time.Second))
		j := &job{takes: 9500 * time.Millisecond}
		got := doAll(t.Context(), all, 1, "k", j.run)
		require.Equal(t, answer{1, nil, 9500 * time.Millisecond}, got[0])
		require.Equal(t, answer{1, nil, 10 * time.Second}, got[1])
	})
}

// Checklist row 36, and the ages of results: a result is as old as it is for all,
// whenever they got it.
func TestDedupTTLCountsFromTheWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := workers(t, store.NewMemory(), 2, time.Minute)
		j := &job{}
		do := func(w *worker) int {
			v, err := w.Do(t.Context(), "k", j.run)
			require.NoError(t, err)
			return v
		}
		require.Equal(t, 1, do(all[0]))
		time.Sleep(40 * time.Second)
		require.Equal(t, 1, do(all[1]))
		time.Sleep(20*time.Second - 1)
		require.Equal(t, 1, do(all[1]))
		require.Equal(t, 1, do(all[0]))
		time.Sleep(time.Nanosecond)
		require.Equal(t, 2, do(all[1]), "it came 20 s ago and is 60 s old")
		require.Equal(t, 2, do(all[0]))
	})
}

// Many callers that find a copy too old at once make one run.
func TestDedupOldCopyIsForgottenOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := workers(t, store.NewMemory(), 2, time.Minute)
		first := &job{}
		_, err := all[0].Do(t.Context(), "k", first.run)
		require.NoError(t, err)
		time.Sleep(30 * time.Second)
		_, err = all[1].Do(t.Context(), "k", first.run)
		require.NoError(t, err)
		time.Sleep(30 * time.Second)
		second := &job{takes: time.Second}
		for _, a := range doAll(t.Context(), all[1:], 100, "k", second.run) {
			require.Equal(t, answer{1, nil, time.Second}, a)
		}
		require.Equal(t, uint64(1), all[1].Snapshot().Runs)
		require.Equal(t, uint64(2), all[1].Snapshot().Local.Misses, "the first copy, and one run for all")
	})
}

// Kept results cost no store operation.
func TestDedupHitsDoNotTouchTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorker(t, store.NewMemory(), "a", time.Minute)
		j := &job{}
		_, err := w.Do(t.Context(), "k", j.run)
		require.NoError(t, err)
		require.Equal(t, 3, w.way.Calls(), "a load, a claim and a result")
		for range 1000 {
			_, err := w.Do(t.Context(), "k", j.run)
			require.NoError(t, err)
		}
		require.Equal(t, 3, w.way.Calls())
		require.Equal(t, int64(1), j.done.Load())
	})
}

// With a ttl of 0 nothing is kept, and callers that wait get the result.
func TestDedupKeepsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, s := range []store.Store{store.NewMemory(), mute{store.NewMemory()}} {
			all := workers(t, s, 3, 0)
			j := &job{takes: 3200 * time.Millisecond}
			for _, a := range doAll(t.Context(), all, 3, "k", j.run) {
				require.NoError(t, a.err)
				require.Equal(t, 1, a.value)
			}
			v, err := all[1].Do(t.Context(), "k", j.run)
			require.NoError(t, err)
			require.Equal(t, 2, v)
		}
	})
}

// An error is told to those in the process. The others try for themselves, one
// after the other.
func TestDedupErrorsAreNotShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := workers(t, store.NewMemory(), 3, time.Minute)
		j := &job{takes: time.Second, err: errSick}
		for i, a := range doAll(t.Context(), all, 4, "k", j.run) {
			require.ErrorIs(t, a.err, errSick)
			require.Equal(t, time.Duration(i/4+1)*time.Second, a.after)
		}
		require.Equal(t, int64(3), j.done.Load())
		require.Equal(t, int64(1), j.most.Load(), "never two at once")
	})
}

// The work is given back however it ends.
func TestDedupGivesTheWorkBack(t *testing.T) {
	for name, f := range map[string]func(context.Context) (int, error){
		"error":  func(context.Context) (int, error) { return 0, errSick },
		"panic":  func(context.Context) (int, error) { panic("bad work") },
		"goexit": func(context.Context) (int, error) { runtime.Goexit(); return 0, nil },
		"left": func(ctx context.Context) (int, error) {
			<-ctx.Done()
			return 0, ctx.Err()
		},
	} {
		bubble(t, name, func(t *testing.T) {
			all := workers(t, store.NewMemory(), 2, time.Minute)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			ended := make(chan any)
			go func() {
				defer func() { ended <- recover() }()
				_, _ = all[0].Do(ctx, "k", f)
			}()
			require.Equal(t, name == "panic", <-ended != nil)
			begin := time.Now()
			v, err := all[1].Do(t.Context(), "k", func(context.Context) (int, error) { return 7, nil })
			require.NoError(t, err)
			require.Equal(t, 7, v)
			require.Zero(t, time.Since(begin))
		})
	}
}

// The owner crashes: its claim ends, and one of the others does the work.
func TestDedupOwnerCrashes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := workers(t, store.NewMemory(), 3, time.Minute)
		go func() {
			_, _ = all[0].Do(t.Context(), "k", func(ctx context.Context) (int, error) {
				all[0].way.Fail(errDown) // never heard of again
				<-ctx.Done()
				return 0, ctx.Err()
			})
		}()
		synctest.Wait()
		j := &job{takes: time.Second}
		for _, a := range doAll(t.Context(), all[1:], 3, "k", j.run) {
			require.Equal(t, answer{1, nil, 6 * time.Second}, a)
		}
	})
}

// A follower that gives up does so at once, and harms no other caller.
func TestDedupFollowerLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := workers(t, store.NewMemory(), 2, time.Minute)
		j := &job{takes: time.Minute}
		result := make(chan answer)
		go func() {
			v, err := all[0].Do(t.Context(), "k", j.run)
			result <- answer{value: v, err: err}
		}()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		begin := time.Now()
		_, err := all[1].Do(ctx, "k", j.run)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 300*time.Millisecond, time.Since(begin))
		require.Equal(t, answer{value: 1}, <-result)
		require.Empty(t, all[1].events, "that a caller left says nothing about the store")
		require.Equal(t, int64(1), j.done.Load(), "it did not begin by itself, either")
	})
}

// Different keys are different work, whatever is in them.
func TestDedupKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := workers(t, store.NewMemory(), 2, time.Minute)
		for i, key := range []string{"", "a", "a/work", "A", "a b", "a_b", "/", "é", "a/"} {
			for _, w := range all {
				v, err := w.Do(t.Context(), key, func(context.Context) (int, error) { return i, nil })
				require.NoError(t, err)
				require.Equal(t, i, v)
			}
		}
	})
}

type query struct {
	table string
	id    int
}

func TestDedupCodec(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := store.NewMemory()
		codec := fleet.Codec[query, []string]{
			Key:    func(q query) string { return store.Key(q.table, strconv.Itoa(q.id)) },
			Encode: func(rows []string) ([]byte, error) { return fmt.Append(nil, len(rows)), nil },
			Decode: func(b []byte) ([]string, error) { return []string{"decoded", string(b)}, nil },
			Hooks:  dedup.Hooks[[]string]{Clone: func(rows []string) []string { return append([]string(nil), rows...) }, Weigh: func(rows []string) int64 { return int64(len(rows)) }},
		}
		policy := dedup.Window(time.Minute, dedup.Name("rows"), dedup.MaxWeight(10))
		var all []*fleet.Dedup[query, []string]
		for range 2 {
			d, err := fleet.NewDedup(m, policy, codec)
			require.NoError(t, err)
			all = append(all, d)
		}
		f := func(context.Context) ([]string, error) { return []string{"x", "y", "z"}, nil }
		rows, err := all[0].Do(t.Context(), query{"users", 1}, f)
		require.NoError(t, err)
		rows[0] = "changed by its holder"
		rows, err = all[0].Do(t.Context(), query{"users", 1}, f)
		require.NoError(t, err)
		require.Equal(t, []string{"x", "y", "z"}, rows)
		require.Equal(t, int64(3), all[0].Snapshot().Local.Weight)
		rows, err = all[1].Do(t.Context(), query{"users", 1}, f)
		require.NoError(t, err)
		require.Equal(t, []string{"decoded", "3"}, rows)
	})
}

// A value that cannot be written down is had by its caller, and not by others.
func TestDedupCannotEncode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := store.NewMemory()
		policy := dedup.Window(time.Minute, dedup.Name("f"))
		a, err := fleet.NewDedup(m, policy, fleet.Codec[string, func()]{})
		require.NoError(t, err)
		f, err := a.Do(t.Context(), "k", func(context.Context) (func(), error) { return func() {}, nil })
		require.NoError(t, err)
		require.NotNil(t, f)
		require.Equal(t, uint64(1), a.Snapshot().Unshared)
		b, err := fleet.NewDedup(m, policy, fleet.Codec[string, func()]{})
		require.NoError(t, err)
		begin := time.Now()
		_, err = b.Do(t.Context(), "k", func(context.Context) (func(), error) { return nil, nil })
		require.NoError(t, err)
		require.Zero(t, time.Since(begin), "the claim was given back")
	})
}

// The function that asks for its own key is told so, also across its context.
func TestDedupReentrant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorker(t, store.NewMemory(), "a", time.Minute)
		_, err := w.Do(t.Context(), "k", func(ctx context.Context) (int, error) {
			return w.Do(ctx, "k", func(context.Context) (int, error) { return 1, nil })
		})
		require.ErrorIs(t, err, dedup.ErrReentrant)
	})
}

// Renewals of what is stale go through the store, too: one process does them.
func TestDedupServesStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := store.NewMemory()
		policy := dedup.Window(time.Minute, dedup.Name("s"), dedup.ServeStale(time.Hour))
		d, err := fleet.NewDedup(m, policy, fleet.Codec[string, int]{})
		require.NoError(t, err)
		_, err = d.Do(t.Context(), "k", func(context.Context) (int, error) { return 1, nil })
		require.NoError(t, err)
		time.Sleep(2 * time.Minute)
		v, err := d.Do(t.Context(), "k", func(context.Context) (int, error) { return 0, errors.New("renewal failed") })
		require.NoError(t, err)
		require.Equal(t, 1, v)
		v, err = d.Do(t.Context(), "k", func(context.Context) (int, error) { return 2, nil })
		require.NoError(t, err)
		require.Equal(t, 2, v)
	})
}

// A claim is renewed three times in a term.
func TestDedupRenewsThreeTimesATerm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorker(t, store.NewMemory(), "a", time.Minute, fleet.Claim(3*time.Second))
		_, err := w.Do(t.Context(), "k", (&job{takes: 10*time.Second + 1}).run)
		require.NoError(t, err)
		require.Equal(t, 1+10+1, w.way.Calls(storetest.CompareAndSet), "the claim, its renewals, the result")
	})
}

// Work without a result is done once for all as well, unless it fails.
func TestDedupRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := store.NewMemory()
		var nodes []*fleet.Dedup[string, struct{}]
		for range 2 {
			d, err := fleet.NewDedup(m, dedup.Window(time.Minute, dedup.Name("mails")), fleet.Codec[string, struct{}]{})
			require.NoError(t, err)
			nodes = append(nodes, d)
		}
		sent := 0
		send := func(context.Context) error {
			if sent++; sent == 1 {
				return errSick
			}
			return nil
		}
		require.Equal(t, errSick, nodes[0].Run(t.Context(), "k", send))
		require.NoError(t, nodes[1].Run(t.Context(), "k", send))
		require.NoError(t, nodes[0].Run(t.Context(), "k", send))
		require.Equal(t, 2, sent)
	})
}

// A key that cannot be hashed, or is not equal to itself, fails its call: no name is
// asked for it, no work is done and the store is not touched.
func TestDedupKeysThatAreNone(t *testing.T) {
	way := storetest.NewFaulty(store.NewMemory())
	codec := fleet.Codec[any, int]{Key: func(key any) string { panic(fmt.Sprint(key)) }}
	d, err := fleet.NewDedup(way, dedup.Window(time.Minute, dedup.Name("answers")), codec)
	require.NoError(t, err)
	for _, key := range []any{[]int{1}, math.NaN(), struct{ f func() }{}} {
		_, err := d.Do(t.Context(), key, func(context.Context) (int, error) { panic("work") })
		require.ErrorIs(t, err, dedup.ErrKey)
		require.ErrorContains(t, err, `dedup "answers": the key is not comparable: `)
	}
	require.Zero(t, way.Calls())
	require.Zero(t, d.Snapshot().Local.InFlight)
}

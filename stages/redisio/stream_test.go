package redisio_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/redisio"
	"github.com/weir-go/weir/stages/sink"
)

// put adds n entries, "0" to "n-1".
func put(t testing.TB, c *redis.Client, key string, n int) {
	t.Helper()
	write := redisio.Append(c, key, 0, func(i int) (any, error) { return []any{"n", i}, nil })
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	require.NoError(t, write(t.Context(), all))
}

// open counts the entries of a group that are not settled.
func open(t testing.TB, c *redis.Client, key string) (n int64) {
	t.Helper()
	groups, err := c.XInfoGroups(t.Context(), key).Result()
	require.NoError(t, err)
	for _, g := range groups {
		n += g.Lag + g.Pending
	}
	return n
}

// collector notes what a sink has been given.
type collector struct {
	mu      sync.Mutex
	got     []string
	entries []redis.XMessage
	want    int
	full    chan struct{}
}

func collect(want int) *collector { return &collector{want: want, full: make(chan struct{})} }

func (c *collector) take(_ context.Context, m redis.XMessage) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.got, c.entries = append(c.got, m.Values["n"].(string)), append(c.entries, m)
	if len(c.got) == c.want {
		close(c.full)
	}
	return nil
}

func (c *collector) wait(t testing.TB) {
	t.Helper()
	select {
	case <-c.full:
	case <-time.After(20 * time.Second):
		c.mu.Lock()
		defer c.mu.Unlock()
		require.Failf(t, "timeout", "got %d of %d", len(c.got), c.want)
	}
}

func start(t testing.TB, s *redisio.Stream, f func(*flow.Stream[redis.XMessage]) *flow.Graph) *flow.Run {
	t.Helper()
	run, err := f(flow.From(s.Source())).Start(context.Background())
	require.NoError(t, err)
	t.Cleanup(func() { run.Abort(errors.New("the test is over")); _, _ = run.Wait() })
	return run
}

func stop(t testing.TB, run *flow.Run) *flow.Report {
	t.Helper()
	run.Stop()
	report, err := run.Wait()
	require.NoError(t, err)
	require.NoError(t, report.Check())
	return report
}

func each(f func(context.Context, redis.XMessage) error) stages.Sink[redis.XMessage] {
	return sink.ForEach(f)
}

func TestEntriesComeInOrderAndAreAcknowledged(t *testing.T) {
	c := connect(t)
	put(t, c, t.Name(), 50)
	s := redisio.NewStream(c, t.Name(), "g", redisio.InFlight(7), redisio.Size(5))
	got := collect(50)
	run := start(t, s, func(s *flow.Stream[redis.XMessage]) *flow.Graph { return s.To(each(got.take)) })
	got.wait(t)
	require.EqualValues(t, 50, stop(t, run).Ledger.In)
	require.Zero(t, open(t, c, t.Name()))
	for i, text := range got.got {
		require.Equal(t, fmt.Sprint(i), text)
	}
	require.EqualValues(t, 1, got.entries[0].DeliveredCount)
	members, err := c.XInfoConsumers(t.Context(), t.Name(), "g").Result()
	require.NoError(t, err)
	require.Empty(t, members, "a member that has nothing pending leaves")
	require.EqualValues(t, 50, c.XLen(t.Context(), t.Name()).Val())
}

func TestDeleteKeepsTheStreamShort(t *testing.T) {
	c := connect(t)
	put(t, c, t.Name(), 20)
	got := collect(20)
	run := start(t, redisio.NewStream(c, t.Name(), "g", redisio.Delete()), func(s *flow.Stream[redis.XMessage]) *flow.Graph { return s.To(each(got.take)) })
	got.wait(t)
	stop(t, run)
	require.Zero(t, c.XLen(t.Context(), t.Name()).Val())
}

// A delay that is longer than the term holds: another member does not take the entry for idle.
func TestAHandedBackEntryComesAgainAfterItsDelay(t *testing.T) {
	const delay = 3 * time.Second
	c := connect(t)
	put(t, c, t.Name(), 1)
	got := collect(1)
	var first time.Time
	build := func(s *flow.Stream[redis.XMessage]) *flow.Graph {
		return s.Map("refuse", func(_ context.Context, m redis.XMessage) (redis.XMessage, error) {
			if m.DeliveredCount == 1 {
				first = time.Now()
				return m, stages.HandBack(delay)
			}
			return m, nil
		}).To(each(got.take))
	}
	s := redisio.NewStream(c, t.Name(), "g", redisio.Term(delay*3/5)) // a busy machine may renew late
	run := start(t, s, build)
	other := start(t, s, build)
	got.wait(t)
	took := time.Since(first)
	require.GreaterOrEqual(t, took, delay)
	require.Less(t, took, delay+5*time.Second)
	require.EqualValues(t, 2, got.entries[0].DeliveredCount)
	stop(t, run)
	stop(t, other)
	require.Zero(t, open(t, c, t.Name()))
}

// A member that dies leaves pending entries, which another one takes after the term. The dead
// member stays in the group as long as it has entries.
func TestEntriesOfADeadMemberAreTaken(t *testing.T) {
	c := connect(t)
	put(t, c, t.Name(), 10)
	require.NoError(t, c.XGroupCreate(t.Context(), t.Name(), "g", "0").Err())
	require.NoError(t, c.XReadGroup(t.Context(), &redis.XReadGroupArgs{Group: "g", Consumer: "dead", Streams: []string{t.Name(), ">"}, Count: 6, Block: -1}).Err())
	got := collect(10)
	run := start(t, redisio.NewStream(c, t.Name(), "g", redisio.Term(2*time.Second), redisio.Size(4)),
		func(s *flow.Stream[redis.XMessage]) *flow.Graph { return s.To(each(got.take)) })
	got.wait(t)
	stop(t, run)
	require.Zero(t, open(t, c, t.Name()))
	counts := map[int64]int{}
	for _, m := range got.entries {
		counts[m.DeliveredCount]++
	}
	require.Equal(t, map[int64]int{1: 4, 2: 6}, counts)
}

func TestALeavingMemberWithPendingEntriesStays(t *testing.T) {
	c := connect(t)
	put(t, c, t.Name(), 1)
	s := redisio.NewStream(c, t.Name(), "g", redisio.Consumer("me"))
	back := make(chan struct{})
	run := start(t, s, func(s *flow.Stream[redis.XMessage]) *flow.Graph {
		return s.To(each(func(_ context.Context, m redis.XMessage) error {
			defer close(back)
			return stages.HandBack(time.Minute)
		}))
	})
	<-back
	stop(t, run)
	members, err := c.XInfoConsumers(t.Context(), t.Name(), "g").Result()
	require.NoError(t, err)
	require.Len(t, members, 1)
	require.EqualValues(t, 1, members[0].Pending)
}

func TestALostLeaseEndsTheEntry(t *testing.T) {
	c := connect(t)
	put(t, c, t.Name(), 1)
	ended := make(chan error, 1)
	run := start(t, redisio.NewStream(c, t.Name(), "g", redisio.Term(300*time.Millisecond)), func(s *flow.Stream[redis.XMessage]) *flow.Graph {
		return s.To(each(func(ctx context.Context, m redis.XMessage) error {
			if m.DeliveredCount > 1 {
				return nil
			}
			require.NoError(t, c.XClaim(t.Context(), &redis.XClaimArgs{Stream: t.Name(), Group: "g", Consumer: "thief", Messages: []string{m.ID}}).Err())
			<-ctx.Done()
			ended <- ctx.Err()
			return ctx.Err()
		}))
	})
	require.ErrorIs(t, <-ended, context.Canceled)
	require.Eventually(t, func() bool { return open(t, c, t.Name()) == 0 }, 10*time.Second, 10*time.Millisecond, "it comes again from the thief, which is dead")
	stop(t, run)
}

func TestAnEntryThatIsDeliveredTooOftenIsDead(t *testing.T) {
	for most, reason := range map[int]string{1: "delivered 1 time and", 2: "delivered 2 times and"} {
		t.Run(reason, func(t *testing.T) { deadAfter(t, most, reason) })
	}
}

func deadAfter(t *testing.T, most int, reason string) {
	c := connect(t)
	put(t, c, t.Name(), 1)
	require.NoError(t, c.XGroupCreate(t.Context(), t.Name(), "g", "0").Err())
	s := redisio.NewStream(c, t.Name(), "g", redisio.MaxDeliveries(most))
	calls := 0
	run := start(t, s, func(s *flow.Stream[redis.XMessage]) *flow.Graph {
		return s.To(each(func(context.Context, redis.XMessage) error { calls++; return stages.HandBack(0) }))
	})
	require.Eventually(t, func() bool { return open(t, c, t.Name()) == 0 }, 10*time.Second, 10*time.Millisecond)
	stop(t, run)
	require.Equal(t, most, calls)
	letters, err := s.Letters(t.Context(), "", 10)
	require.NoError(t, err)
	require.Len(t, letters, 1)
	require.Contains(t, letters[0].Reason, reason)
	require.Equal(t, map[string]any{"n": "0"}, letters[0].Values)
	more, err := s.Letters(t.Context(), letters[0].ID, 10)
	require.NoError(t, err)
	require.Empty(t, more)

	n, err := s.Replay(t.Context(), letters[0].ID, "1-1")
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	got := collect(1)
	run = start(t, s, func(s *flow.Stream[redis.XMessage]) *flow.Graph { return s.To(each(got.take)) })
	got.wait(t)
	stop(t, run)
}

func TestADeadLetterKeepsItsReason(t *testing.T) {
	c := connect(t)
	put(t, c, t.Name(), 3)
	s := redisio.NewStream(c, t.Name(), "g")
	got := collect(2)
	run := start(t, s, func(st *flow.Stream[redis.XMessage]) *flow.Graph {
		return st.Map("parse", func(_ context.Context, m redis.XMessage) (redis.XMessage, error) {
			if m.Values["n"] == "1" {
				return m, errors.New("it is odd")
			}
			return m, nil
		}).DeadLetter(s.DeadLetter).To(each(got.take))
	})
	got.wait(t)
	require.EqualValues(t, 1, stop(t, run).Ledger.DeadLettered)
	letters, err := s.Letters(t.Context(), "", 10)
	require.NoError(t, err)
	require.Len(t, letters, 1)
	require.Contains(t, letters[0].Reason, "it is odd")
	require.Zero(t, open(t, c, t.Name()))
}

// A flush takes the group with it. The run makes it anew, and goes on.
func TestAFlushedServerGetsItsGroupBack(t *testing.T) {
	c := connect(t)
	put(t, c, t.Name(), 5)
	got := collect(10)
	src := redisio.NewStream(c, t.Name(), "g").Source()
	run, err := flow.From(src).To(each(got.take)).Start(context.Background())
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		got.mu.Lock()
		defer got.mu.Unlock()
		return len(got.got) == 5 && open(t, c, t.Name()) == 0
	}, 10*time.Second, 10*time.Millisecond)
	require.NoError(t, c.Del(t.Context(), t.Name()).Err())
	put(t, c, t.Name(), 5)
	got.wait(t)
	h := src.Health()
	require.Positive(t, h.Reconnects)
	require.ErrorContains(t, h.Err, "NOGROUP")
	stop(t, run)
}

// The reads of many members need no connection of the caller's pool.
func TestReadsLeaveThePoolAlone(t *testing.T) {
	connect(t)
	c := redis.NewClient(&redis.Options{Addr: shared.addr, PoolSize: 1, PoolTimeout: 2 * time.Second}) // less than a read blocks
	defer c.Close()
	for range 3 {
		start(t, redisio.NewStream(c, t.Name(), "g", redisio.Block(5*time.Second), redisio.Term(time.Minute)),
			func(s *flow.Stream[redis.XMessage]) *flow.Graph { return s.To(each(collect(-1).take)) })
	}
	for range 50 {
		require.NoError(t, c.Ping(t.Context()).Err())
		time.Sleep(5 * time.Millisecond)
	}
}

// The first commands of a client change its options.
func TestASourceStartsWithItsClient(t *testing.T) {
	connect(t)
	for i := range 5 {
		c := redis.NewClient(&redis.Options{Addr: shared.addr})
		t.Cleanup(func() { _ = c.Close() })
		var pings sync.WaitGroup
		for range 8 {
			pings.Go(func() { assert.NoError(t, c.Ping(t.Context()).Err()) })
		}
		run := start(t, redisio.NewStream(c, fmt.Sprint(t.Name(), i), "g"), func(s *flow.Stream[redis.XMessage]) *flow.Graph { return s.To(each(collect(-1).take)) })
		pings.Wait()
		stop(t, run)
	}
}

// There is no stream yet, so there is nothing to leave.
func TestARunThatIsStoppedBeforeItIsConnected(t *testing.T) {
	connect(t)
	c := redis.NewClient(&redis.Options{Addr: shared.addr, Dialer: func(ctx context.Context, network, addr string) (net.Conn, error) {
		time.Sleep(50 * time.Millisecond)
		return new(net.Dialer).DialContext(ctx, network, addr)
	}})
	defer c.Close()
	run := start(t, redisio.NewStream(c, t.Name(), "g"), func(s *flow.Stream[redis.XMessage]) *flow.Graph { return s.To(each(collect(-1).take)) })
	stop(t, run)
	require.Zero(t, c.Exists(t.Context(), t.Name()).Val())
}

func TestAWrongKeyEndsTheRun(t *testing.T) {
	c := connect(t)
	require.NoError(t, c.Set(t.Context(), t.Name(), "text", 0).Err())
	_, err := flow.From(redisio.NewStream(c, t.Name(), "g").Source()).To(each(collect(1).take)).Run(t.Context())
	require.ErrorContains(t, err, "WRONGTYPE")
}

func TestAPolicySaysWhichErrorsEndTheRun(t *testing.T) {
	c := connect(t)
	require.NoError(t, c.Set(t.Context(), t.Name(), "text", 0).Err())
	got := collect(3)
	src := redisio.NewStream(c, t.Name(), "g", redisio.Ends(func(err error) bool { return strings.Contains(err.Error(), "NOGROUP") })).Source()
	run, err := flow.From(src).To(each(got.take)).Start(context.Background())
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		err := src.Health().Err
		return err != nil && !redisio.Heals(err)
	}, 20*time.Second, time.Millisecond, "the run goes on, and its health tells why")
	require.NoError(t, c.Del(t.Context(), t.Name()).Err())
	put(t, c, t.Name(), 3)
	got.wait(t)
	require.NoError(t, c.Del(t.Context(), t.Name()).Err())
	_, err = run.Wait()
	require.ErrorContains(t, err, "NOGROUP")
}

func TestAppendBoundsAndFailsAlone(t *testing.T) {
	c := connect(t)
	write := redisio.Append(c, t.Name(), 100, func(i int) (any, error) {
		if i == 3 {
			return nil, errors.New("odd")
		}
		return map[string]any{"n": i}, nil
	})
	all := make([]int, 1000)
	for i := range all {
		all[i] = i
	}
	err := write(t.Context(), all)
	var batch *stages.BatchError
	require.ErrorAs(t, err, &batch)
	require.Len(t, batch.Errs, 1)
	require.ErrorContains(t, batch.Errs[3], "odd")
	n := c.XLen(t.Context(), t.Name()).Val()
	require.GreaterOrEqual(t, n, int64(100))
	require.Less(t, n, int64(300))
}

func TestAStreamSaysWhatIsWrongWithIt(t *testing.T) {
	err := redisio.NewStream(nil, "", "", redisio.Term(0), redisio.Size(0), redisio.Block(0), redisio.InFlight(0), redisio.MaxDeliveries(-1), redisio.Ends(nil)).Validate()
	for _, part := range []string{"client is nil", "key is empty", "group is empty", "term is below", "size is below", "block is below", "in-flight", "maximum of deliveries", "function of Ends"} {
		require.ErrorContains(t, err, part)
	}
}

// A batch that is never due waits for more entries than the source may have in the flow.
func TestABatchAboveTheBoundIsNotValid(t *testing.T) {
	c := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})
	defer c.Close()
	s := redisio.NewStream(c, t.Name(), "g", redisio.InFlight(50))
	end := sink.ForEach(func(context.Context, []redis.XMessage) error { return nil })
	require.ErrorContains(t, flow.From(s.Source()).Batch(51, 0).To(end).Validate(), "it waits for 51 items")
	require.NoError(t, flow.From(s.Source()).Batch(50, 0).To(end).Validate())
	require.NoError(t, flow.From(s.Source()).Batch(51, time.Second).To(end).Validate())
}

package redisio_test

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/primitives/store"
	"github.com/weir-go/weir/stages/redisio"
	"github.com/weir-go/weir/stages/sink"
	"github.com/weir-go/weir/stages/topic"
)

// own starts a server that no other test has, with further arguments.
func own(t *testing.T, args ...string) *server {
	t.Helper()
	connect(t) // or skip
	s, err := newServer(args...)
	require.NoError(t, err)
	t.Cleanup(s.remove)
	return s
}

// pair is a primary with a replica, and a client that follows the primary's name.
type pair struct {
	primary, replica *server
	client           *redis.Client
	at               atomic.Pointer[string]
}

func newPair(t *testing.T) *pair {
	p := &pair{primary: own(t), replica: own(t)}
	p.at.Store(&p.primary.addr)
	host, port, _ := net.SplitHostPort(p.primary.addr)
	c := redis.NewClient(&redis.Options{Addr: p.replica.addr})
	defer c.Close()
	require.NoError(t, c.ReplicaOf(t.Context(), host, port).Err())
	p.client = redis.NewClient(&redis.Options{Addr: "the primary", Dialer: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, *p.at.Load())
	}})
	t.Cleanup(func() { _ = p.client.Close() })
	return p
}

// replicated waits until the replica has all writes so far of the client's connections.
func (p *pair) replicated(t *testing.T) {
	c := redis.NewClient(&redis.Options{Addr: p.primary.addr, PoolSize: 1})
	defer c.Close()
	require.Eventually(t, func() bool {
		require.NoError(t, c.Set(t.Context(), "a write", 1, 0).Err())
		n, err := c.Wait(t.Context(), 1, time.Second).Result()
		return err == nil && n == 1
	}, 30*time.Second, 10*time.Millisecond)
}

// failOver kills the primary, makes the replica one, and leads the client there.
func (p *pair) failOver(t *testing.T) {
	p.primary.kill()
	c := redis.NewClient(&redis.Options{Addr: p.replica.addr})
	defer c.Close()
	require.NoError(t, c.ReplicaOf(t.Context(), "NO", "ONE").Err())
	p.at.Store(&p.replica.addr)
}

// A run goes on at the new primary. What the replica had is done; what it had not heard to be
// acknowledged is done again.
func TestARunSurvivesAFailover(t *testing.T) {
	p := newPair(t)
	put(t, p.client, t.Name(), 300)
	require.NoError(t, p.client.XGroupCreate(t.Context(), t.Name(), "g", "0").Err())
	p.replicated(t)
	var mu sync.Mutex
	seen, half, all := map[string]int{}, make(chan struct{}), make(chan struct{})
	run := start(t, redisio.NewStream(p.client, t.Name(), "g", redisio.Term(time.Second), redisio.InFlight(20)),
		func(s *flow.Stream[redis.XMessage]) *flow.Graph {
			return s.To(each(func(_ context.Context, m redis.XMessage) error {
				mu.Lock()
				defer mu.Unlock()
				n := m.Values["n"].(string)
				if seen[n]++; seen[n] == 1 {
					switch len(seen) {
					case 100:
						close(half)
					case 300:
						close(all)
					}
				}
				return nil
			}))
		})
	<-half
	p.failOver(t)
	select {
	case <-all:
	case <-time.After(60 * time.Second):
		require.Fail(t, "timeout")
	}
	require.Eventually(t, func() bool { return open(t, p.client, t.Name()) == 0 }, 60*time.Second, 20*time.Millisecond)
	stop(t, run)
}

// Revisions go on at the new primary, a stream of changes ends and can begin anew.
func TestAStoreSurvivesAFailover(t *testing.T) {
	p := newPair(t)
	s := redisio.NewStore(p.client, "breakers")
	first, err := s.CompareAndSet(t.Context(), "k", 0, []byte("a"), time.Hour)
	require.NoError(t, err)
	p.replicated(t)
	var last error
	for e, err := range s.Watch(t.Context(), "") {
		if last = err; err != nil {
			break
		}
		require.True(t, e.Lost)
		p.failOver(t)
	}
	require.ErrorContains(t, last, "connection was lost")
	for e, err := range s.Watch(t.Context(), "") {
		require.NoError(t, err)
		if !e.Lost {
			require.Equal(t, "b", string(e.Entry.Value))
			break
		}
		entry, err := s.Load(t.Context(), "k")
		require.NoError(t, err)
		require.Equal(t, store.Entry{Key: "k", Revision: first, Value: []byte("a"), Age: entry.Age}, entry)
		second, err := s.CompareAndSet(t.Context(), "k", first, []byte("b"), time.Hour)
		require.NoError(t, err)
		require.Greater(t, second, first)
	}
}

// A cluster refuses scripts whose keys are in several slots. One node that has all slots does so, too.
func cluster(t *testing.T) *redis.ClusterClient {
	s := own(t, "--cluster-enabled", "yes")
	c := redis.NewClient(&redis.Options{Addr: s.addr})
	defer c.Close()
	require.NoError(t, c.ClusterAddSlotsRange(t.Context(), 0, 16383).Err())
	require.Eventually(t, func() bool {
		info, err := c.ClusterInfo(t.Context()).Result()
		return err == nil && strings.Contains(info, "cluster_state:ok")
	}, 30*time.Second, 20*time.Millisecond)
	cc := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{s.addr}})
	t.Cleanup(func() { _ = cc.Close() })
	return cc
}

// All that a stream does passes in a cluster, with keys with and without a tag.
func TestAStreamInACluster(t *testing.T) {
	c := cluster(t)
	for _, key := range []string{"orders", "{eu}:orders", "orders{eu"} {
		t.Run(key, func(t *testing.T) {
			entry := func(n int) (any, error) { return []any{"n", strconv.Itoa(n)}, nil }
			require.NoError(t, redisio.Append(c, key, 0, entry)(t.Context(), []int{0, 1, 2, 3}))
			s := redisio.NewStream(c, key, "g", redisio.Delete(), redisio.MaxDeliveries(2))
			edge := redisio.NewStream(c, key+" edge", "g", redisio.Delete())
			var got []int
			full := make(chan struct{})
			run, err := flow.From(s.Source()).
				Map("parse", func(_ context.Context, m redis.XMessage) (int, error) {
					n, err := strconv.Atoi(m.Values["n"].(string))
					if n == 1 {
						err = fmt.Errorf("n is %d", n)
					}
					return n, err
				}).
				HandBack(10*time.Millisecond).
				Through("edge", redisio.Topic(edge, topic.Config[int]{})).
				To(sink.ForEach(func(_ context.Context, n int) error {
					if got = append(got, n); len(got) == 3 {
						close(full)
					}
					return nil
				})).Start(context.Background())
			require.NoError(t, err)
			t.Cleanup(func() { run.Stop(); _, _ = run.Wait() })
			select {
			case <-full:
			case <-time.After(30 * time.Second):
				require.Fail(t, "timeout")
			}
			require.Eventually(t, func() bool { return c.XLen(t.Context(), key).Val() == 0 }, 30*time.Second, 10*time.Millisecond)
			stop(t, run)
			require.Equal(t, []int{0, 2, 3}, got)
			letters, err := s.Letters(t.Context(), "", 10)
			require.NoError(t, err)
			require.Len(t, letters, 1)
			n, err := s.Replay(t.Context(), letters[0].ID)
			require.NoError(t, err)
			require.EqualValues(t, 1, n)
		})
	}
}

func TestAStoreInACluster(t *testing.T) {
	s := redisio.NewStore(cluster(t), "breakers")
	for i := range 20 {
		_, err := s.CompareAndSet(t.Context(), fmt.Sprint("fleet/", i), 0, []byte("a"), time.Hour)
		require.NoError(t, err)
	}
	all, err := s.List(t.Context(), "fleet/")
	require.NoError(t, err)
	require.Len(t, all, 20)
	for e, err := range s.Watch(t.Context(), "fleet/") {
		require.NoError(t, err)
		if !e.Lost {
			require.Equal(t, "fleet/3", e.Entry.Key)
			break
		}
		_, err = s.CompareAndSet(t.Context(), "fleet/3", 7, []byte("b"), time.Hour)
		require.ErrorIs(t, err, store.ErrConflict)
		entry, err := s.Load(t.Context(), "fleet/3")
		require.NoError(t, err)
		_, err = s.CompareAndSet(t.Context(), "fleet/3", entry.Revision, []byte("b"), time.Hour)
		require.NoError(t, err)
	}
}

package redisio_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/store"
	"github.com/weir-go/weir/primitives/store/storetest"
	"github.com/weir-go/weir/stages/redisio"
)

// The suite of stores, whole. The server is flushed in the checks of a store that was wiped.
func TestStoreConformance(t *testing.T) {
	connect(t)
	own, err := newServer() // a flush takes all
	require.NoError(t, err)
	t.Cleanup(own.remove)
	n := 0
	storetest.Run(t, func() []store.Store {
		n++
		var stores []store.Store
		for range 2 {
			c := redis.NewClient(&redis.Options{Addr: own.addr})
			t.Cleanup(func() { _ = c.Close() })
			stores = append(stores, redisio.NewStore(c, fmt.Sprintf("suite %d", n)))
		}
		return stores
	}, storetest.Wiped(func() {
		c := redis.NewClient(&redis.Options{Addr: own.addr})
		defer func() { _ = c.Close() }()
		require.NoError(t, c.FlushAll(context.Background()).Err())
	}))
}

// A stream ends when the server is killed, and another one begins when it is back. The data are
// kept, and revisions go on.
func TestAKilledServerEndsAStream(t *testing.T) {
	connect(t)
	own, err := newServer()
	require.NoError(t, err)
	defer own.remove()
	c := redis.NewClient(&redis.Options{Addr: own.addr})
	defer c.Close()
	s := redisio.NewStore(c, "p")
	first, err := s.CompareAndSet(t.Context(), "k", 0, []byte("a"), time.Hour)
	require.NoError(t, err)
	var last error
	for e, err := range s.Watch(t.Context(), "") {
		if last = err; err != nil {
			break
		}
		require.True(t, e.Lost)
		own.kill()
	}
	require.ErrorContains(t, last, "connection was lost")
	require.NoError(t, own.start())
	for e, err := range s.Watch(t.Context(), "") {
		require.NoError(t, err)
		if e.Lost {
			second, err := s.CompareAndSet(t.Context(), "k", first, []byte("b c"), time.Hour)
			require.NoError(t, err)
			require.Greater(t, second, first)
			continue
		}
		require.Equal(t, "b c", string(e.Entry.Value))
		break
	}
}

// Pub/Sub knows no databases.
func TestAStoreHearsNoOtherDatabase(t *testing.T) {
	c := connect(t)
	other := redis.NewClient(&redis.Options{Addr: shared.addr, DB: 1})
	defer other.Close()
	here, there := redisio.NewStore(c, "p"), redisio.NewStore(other, "p")
	for _, s := range []*redisio.Store{here, there} {
		for e, err := range s.Watch(t.Context(), "") {
			require.NoError(t, err)
			if e.Lost {
				for i, w := range []*redisio.Store{here, there} {
					_, err := w.CompareAndSet(t.Context(), t.Name(), 0, []byte{byte('0' + i)}, 50*time.Millisecond)
					require.NoError(t, err)
				}
				_, err := s.CompareAndSet(t.Context(), "last", 0, nil, 50*time.Millisecond)
				require.NoError(t, err)
				continue
			}
			if e.Entry.Key == "last" {
				break
			}
			require.Equal(t, map[*redisio.Store]string{here: "0", there: "1"}[s], string(e.Entry.Value))
		}
		time.Sleep(60 * time.Millisecond)
	}
}

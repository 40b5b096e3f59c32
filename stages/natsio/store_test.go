package natsio_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/store"
	"github.com/weir-go/weir/primitives/store/storetest"
	"github.com/weir-go/weir/stages/natsio"
)

// The store has a server of its own, since others restart theirs.
func TestStoreConformance(t *testing.T) {
	s, err := server.NewServer(&server.Options{DontListen: true, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true})
	require.NoError(t, err)
	s.Start()
	require.True(t, s.ReadyForConnections(20*time.Second))
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	var clients []jetstream.JetStream
	for range 2 {
		nc, err := nats.Connect("", nats.InProcessServer(s))
		require.NoError(t, err)
		t.Cleanup(nc.Close)
		js, err := jetstream.New(nc)
		require.NoError(t, err)
		clients = append(clients, js)
	}
	n, name := 0, ""
	storetest.Run(t, func() (all []store.Store) {
		n++
		name = fmt.Sprintf("kv%d", n)
		for _, js := range clients {
			s, err := natsio.NewStore(context.Background(), js, jetstream.StreamConfig{Name: name})
			require.NoError(t, err)
			all = append(all, s)
		}
		return all
	}, storetest.Unit(time.Second), storetest.Wiped(func() {
		require.NoError(t, clients[0].DeleteStream(context.Background(), name))
	}))
}

func ExampleNewStore() {
	js, end := embedded()
	defer end()
	ctx := context.Background()
	s, err := natsio.NewStore(ctx, js, jetstream.StreamConfig{Name: "weir", Replicas: 1})
	check(err)
	lease, err := store.Acquire(ctx, s, "leader", "node-1", time.Minute)
	check(err)
	_, err = store.Acquire(ctx, s, "leader", "node-2", time.Minute)
	fmt.Println(lease.Left() > 0, err != nil)
	// Output: true true
}

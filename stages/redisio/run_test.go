package redisio_test

import (
	"context"
	"errors"
	"math"
	"net"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/redisio"
)

// The fault: the Finish of the refused run ended the acknowledgements and the leases of the other
// one.
func TestARefusedRunLeavesTheOtherOneAlone(t *testing.T) {
	c := connect(t)
	put(t, c, t.Name(), 1)
	begun, refused := make(chan struct{}), make(chan struct{})
	graph := flow.From(redisio.NewStream(c, t.Name(), "g").Source()).To(each(func(ctx context.Context, _ redis.XMessage) error {
		close(begun)
		<-refused
		return context.Cause(ctx)
	}))
	run, err := graph.Start(t.Context())
	require.NoError(t, err)
	<-begun
	_, err = graph.Run(t.Context())
	require.ErrorContains(t, err, "the source is in another run")
	close(refused)
	require.EqualValues(t, 1, stop(t, run).Ledger.Out)
	require.Zero(t, open(t, c, t.Name()))
	run, err = graph.Start(t.Context())
	require.NoError(t, err)
	stop(t, run)
}

func TestBoundsMayBeHuge(t *testing.T) {
	c := connect(t)
	put(t, c, t.Name(), 10)
	got := collect(10)
	s := redisio.NewStream(c, t.Name(), "g", redisio.Term(math.MaxInt64), redisio.InFlight(math.MaxInt), redisio.Size(math.MaxInt), redisio.Block(math.MaxInt64))
	run := start(t, s, func(s *flow.Stream[redis.XMessage]) *flow.Graph {
		return s.To(each(func(ctx context.Context, m redis.XMessage) error {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return got.take(ctx, m)
		}))
	})
	got.wait(t)
	stop(t, run)
	require.Zero(t, open(t, c, t.Name()))
}

// A delay of any length holds.
func TestAnEntryIsHandedBackForever(t *testing.T) {
	c := connect(t)
	put(t, c, t.Name(), 1)
	calls := make(chan struct{}, 10)
	run := start(t, redisio.NewStream(c, t.Name(), "g"), func(s *flow.Stream[redis.XMessage]) *flow.Graph {
		return s.To(each(func(context.Context, redis.XMessage) error {
			calls <- struct{}{}
			return stages.HandBack(math.MaxInt64)
		}))
	})
	<-calls
	time.Sleep(500 * time.Millisecond)
	stop(t, run)
	require.Empty(t, calls)
	require.EqualValues(t, 1, open(t, c, t.Name()))
}

// Nothing was read, so nothing is lost.
func TestARunWithoutAServerCanBeStopped(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	c := redis.NewClient(&redis.Options{Addr: l.Addr().String()})
	defer c.Close()
	src := redisio.NewStream(c, t.Name(), "g").Source()
	run, err := flow.From(src).To(each(collect(-1).take)).Start(context.Background())
	require.NoError(t, err)
	require.Eventually(t, func() bool { return src.Health().Err != nil }, 20*time.Second, time.Millisecond)
	stop(t, run)
}

// A script refuses the command of a user without the right by another error.
func TestAMissingRightEndsTheRun(t *testing.T) {
	c := connect(t)
	put(t, c, t.Name(), 1)
	require.NoError(t, c.Do(t.Context(), "ACL", "SETUSER", "clerk", "on", ">secret", "~*", "&*", "+@all", "-xautoclaim").Err())
	t.Cleanup(func() { _ = c.Do(context.Background(), "ACL", "DELUSER", "clerk").Err() })
	clerk := redis.NewClient(&redis.Options{Addr: shared.addr, Username: "clerk", Password: "secret"})
	defer clerk.Close()
	ctx, cancel := context.WithTimeoutCause(t.Context(), 20*time.Second, errors.New("the run goes on"))
	defer cancel()
	_, err := flow.From(redisio.NewStream(clerk, t.Name(), "g").Source()).To(each(collect(-1).take)).Run(ctx)
	require.ErrorContains(t, err, "user")
}

package natsio_test

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/ack"
	"github.com/weir-go/weir/stages/natsio"
	"github.com/weir-go/weir/stages/sink"
)

// slow is a function whose first call works until its context ends. The number of a delivery would not
// tell: a server that is killed can forget one.
type slow struct {
	calls atomic.Int64
	begun chan struct{}
	ended chan error
	done  atomic.Int64
}

func newSlow() *slow { return &slow{begun: make(chan struct{}, 1), ended: make(chan error, 1)} }

func (s *slow) work(ctx context.Context, _ jetstream.Msg) error {
	if s.calls.Add(1) > 1 {
		s.done.Add(1)
		return nil
	}
	s.begun <- struct{}{}
	<-ctx.Done()
	s.ended <- context.Cause(ctx)
	return ctx.Err()
}

// requireLost checks why the context of the item has ended.
func (s *slow) requireLost(t *testing.T) {
	t.Helper()
	err := <-s.ended
	require.ErrorIs(t, err, ack.ErrLost)
	require.ErrorIs(t, err, stages.ErrHandedBack)
}

func TestALeaseIsLostWhenTheServerIsAwayForLongerThanAckWait(t *testing.T) {
	own := &process{}
	t.Cleanup(own.stop)
	nc, js, err := connect(own.start(t))
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	c := stream(t, js, "AWAY", jetstream.ConsumerConfig{AckWait: time.Second})
	put(t, js, "AWAY", 1)
	s := newSlow()
	run, err := flow.From(natsio.Source(js, c)).To(sink.ForEach(s.work)).Start(t.Context())
	require.NoError(t, err)
	<-s.begun
	own.kill()
	s.requireLost(t)
	require.EqualValues(t, 0, s.done.Load())
	own.start(t)
	eventually(t, "it comes again", func() bool { return s.done.Load() > 0 && unsettled(t, js, "AWAY") == 0 })
	run.Stop()
	report, err := run.Wait()
	require.NoError(t, err, "a lost lease ends no run")
	require.NoError(t, report.Check())
	require.Positive(t, report.Ledger.HandedBack)
}

// tunnel is a connection that can lose everything, both ways, without an error.
type tunnel struct {
	net.Conn
	dead *atomic.Bool
}

func (t tunnel) Read(b []byte) (int, error) {
	for {
		if n, err := t.Conn.Read(b); err != nil || !t.dead.Load() {
			return n, err
		}
	}
}

func (t tunnel) Write(b []byte) (int, error) {
	if t.dead.Load() {
		return len(b), nil
	}
	return t.Conn.Write(b)
}

// dialer makes tunnels.
type dialer struct{ dead atomic.Bool }

func (d *dialer) Dial(network, address string) (net.Conn, error) {
	c, err := net.Dial(network, address)
	return tunnel{c, &d.dead}, err
}

// The client takes minutes to notice that nothing arrives. Meanwhile another member has the message.
func TestALeaseIsLostWhenNothingArrivesAnyMore(t *testing.T) {
	d, name := &dialer{}, fresh("TUNNEL")
	nc, err := nats.Connect("nats://"+shared.start(t), nats.SetCustomDialer(d))
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	through, err := jetstream.New(nc)
	require.NoError(t, err)
	js := dial(t)
	stream(t, js, name, jetstream.ConsumerConfig{AckWait: time.Second})
	put(t, js, name, 1)
	member := func(js jetstream.JetStream, s *slow) *flow.Run {
		c, err := js.Consumer(t.Context(), name, "worker")
		require.NoError(t, err)
		run, err := flow.From(natsio.Source(js, c)).To(sink.ForEach(s.work)).Start(t.Context())
		require.NoError(t, err)
		return run
	}
	cutOff, other := newSlow(), newSlow()
	other.calls.Add(1) // works on none
	first := member(through, cutOff)
	<-cutOff.begun
	d.dead.Store(true)
	cutOff.requireLost(t)
	require.True(t, nc.IsConnected())
	second := member(js, other)
	eventually(t, "the other member has it", func() bool { return other.done.Load() > 0 && unsettled(t, js, name) == 0 })
	nc.Close()
	_, err = first.Wait()
	require.ErrorIs(t, err, nats.ErrConnectionClosed)
	second.Stop()
	_, err = second.Wait()
	require.NoError(t, err)
}

// A lease that is renewed is not lost, however long the work takes. The context has no end.
func TestALeaseThatIsRenewedIsNotLost(t *testing.T) {
	t.Parallel()
	js, name := dial(t), fresh("KEPT")
	c := stream(t, js, name, jetstream.ConsumerConfig{AckWait: 8 * time.Second})
	put(t, js, name, 1)
	var ended error
	run, err := flow.From(natsio.Source(js, c)).To(sink.ForEach(func(ctx context.Context, m jetstream.Msg) error {
		select {
		case <-ctx.Done():
			ended = context.Cause(ctx)
		case <-time.After(9 * time.Second):
		}
		return nil
	})).Start(t.Context())
	require.NoError(t, err)
	eventually(t, "it is settled", func() bool { return unsettled(t, js, name) == 0 })
	run.Stop()
	_, err = run.Wait()
	require.NoError(t, err)
	require.NoError(t, ended)
}

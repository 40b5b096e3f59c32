package fleet_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/store"
	"github.com/weir-go/weir/primitives/store/fleet"
	"github.com/weir-go/weir/primitives/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	errDown = errors.New("connection refused")
	errSick = errors.New("service is sick")
)

// quick is how long news take through a store that tells them: no time but that
// of the goroutines.
const quick = time.Millisecond

// node is a breaker of a fleet as a test sees it: a process with its own way to
// the store.
type node struct {
	*fleet.Breaker
	local *breaker.Breaker
	way   *storetest.Faulty

	mu      sync.Mutex
	events  []fleet.EventKind
	changes []breaker.Change
}

func (n *node) seen() []fleet.EventKind {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]fleet.EventKind(nil), n.events...)
}

// opened is how often the breaker has opened.
func (n *node) opened() (times int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range n.changes {
		if c.To == breaker.Open && c.From != breaker.Open {
			times++
		}
	}
	return times
}

// fails makes the breaker see three failures, which is what opens it.
func (n *node) fails() {
	for range 3 {
		n.local.RecordFailure()
	}
}

// call asks for admission and reports what the service answered, nil for a
// success; it is an OpenError if the call was not let through.
func (n *node) call(err error) error {
	_, err = n.local.Do(context.Background(), func(context.Context) (struct{}, error) { return struct{}{}, err })
	return err
}

// newNode makes a node that opens at the third failure for ten seconds.
func newNode(t *testing.T, s store.Store, name string, opts ...fleet.Option) *node {
	t.Helper()
	return newNodeWith(t, s, name, nil, opts...)
}

// newNodeWith is newNode with more options of the policy.
func newNodeWith(t *testing.T, s store.Store, name string, further []breaker.Option, opts ...fleet.Option) *node {
	t.Helper()
	n := &node{way: storetest.NewFaulty(s)}
	hook := breaker.OnChange(func(c breaker.Change) {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.changes = append(n.changes, c)
	})
	onEvent := fleet.OnEvent(func(e fleet.Event) {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.events = append(n.events, e.Kind)
	})
	policy := breaker.Consecutive("model", 3, 10*time.Second, hook).With(further...)
	b, err := fleet.NewBreaker(n.way, policy, append([]fleet.Option{fleet.Node(name), onEvent}, opts...)...)
	require.NoError(t, err)
	n.Breaker = b
	n.local, err = b.Breaker()
	require.NoError(t, err)
	return n
}

// run starts Run and returns what ends it and waits for it.
func (n *node) run(t *testing.T) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	synctest.Wait()
	stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(t, <-done)
	})
	t.Cleanup(stop)
	return stop
}

// crew makes nodes on one store and runs them.
func crew(t *testing.T, s store.Store, count int, opts ...fleet.Option) []*node {
	t.Helper()
	nodes := make([]*node, count)
	for i := range nodes {
		nodes[i] = newNode(t, s, string(rune('a'+i)), opts...)
		nodes[i].run(t)
	}
	return nodes
}

func states(nodes []*node) (s []breaker.State) {
	for _, n := range nodes {
		s = append(s, n.local.State())
	}
	return s
}

func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// mute is a store that does not tell of writes.
type mute struct{ store.Store }

func bubble(t *testing.T, name string, f func(t *testing.T)) {
	t.Run(name, func(t *testing.T) { synctest.Test(t, f) })
}

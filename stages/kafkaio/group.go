package kafkaio

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/ack"
)

// Partition is a partition of a topic.
type Partition struct {
	Topic string
	N     int32
}

// String returns the topic and the number.
func (p Partition) String() string { return fmt.Sprintf("%s/%d", p.Topic, p.N) }

// Defaults of a [Group].
const (
	DefaultCommitEvery = time.Second
	DefaultPatience    = 30 * time.Second
	DefaultPoll        = 1000
	DefaultWindow      = 4096
)

// Group is a source of the records of a consumer group. It implements [stages.Source],
// [stages.Finisher] and [stages.HealthReporter].
//
// Each run makes a client, joins the group, and leaves it when everything is settled and
// committed. A group must not be part of two runs at the same time; use one for each. Set the
// fields before the run.
type Group struct {
	// Options are those of the client: at least kgo.SeedBrokers, kgo.ConsumerGroup and
	// kgo.ConsumeTopics. The source sets the callbacks of rebalances and how commits are made;
	// options for these have no effect, but kgo.GreedyAutoCommit and kgo.AutoCommitMarks are refused.
	Options []kgo.Opt
	// Window is how many records of a partition may be open; see [ack.Commits]. It is
	// [DefaultWindow] if 0. Only a partition whose window is full is paused. The client drops what
	// it has fetched of a paused partition and fetches it again, so a window below four times Poll
	// costs throughput. A flow with a larger Batch that is never due by time is not valid.
	Window int
	// CommitEvery is the time between commits. It is [DefaultCommitEvery] if 0.
	CommitEvery time.Duration
	// Patience is how long a rebalance waits for the open records of a partition that goes to
	// another member. It is [DefaultPatience] if 0, and must be below the rebalance timeout of
	// the group, which is 60 seconds unless kgo.RebalanceTimeout is set.
	Patience time.Duration
	// Poll is how many records a poll brings, at most. It is [DefaultPoll] if 0.
	Poll int
	// Ends says which errors of a fetch end the run. If it is nil, errors end the run for which
	// [Heals] is false. The others show in the health of the source, as does a broker that cannot be
	// reached. The client tells nothing of errors that it handles itself: it waits for a topic that
	// is missing. This one waits for a missing right:
	//
	//	func(err error) bool { return !kafkaio.Heals(err) && !errors.Is(err, kerr.TopicAuthorizationFailed) }
	Ends func(error) bool

	mu      sync.Mutex
	session *session // of the last run
}

// Validate implements [stages.Validator].
func (g *Group) Validate() error {
	return errors.Join(
		needs(len(g.Options) == 0, "there are no options: set at least kgo.SeedBrokers, kgo.ConsumerGroup and kgo.ConsumeTopics"),
		needs(g.Window < 0, "window is negative"), needs(g.CommitEvery < 0, "commit interval is negative"),
		needs(g.Patience < 0, "patience is negative"), needs(g.Poll < 0, "poll is negative"))
}

func needs(fault bool, what string) error {
	if fault {
		return errors.New(what)
	}
	return nil
}

// Run implements [stages.Source].
func (g *Group) Run(ctx context.Context, out *stages.Outlet[*kgo.Record]) error {
	return runGroup(g, ctx, out, records)
}

// Finish implements [stages.Finisher]: it makes the last commit and leaves the group.
func (g *Group) Finish(ctx context.Context) error {
	g.mu.Lock()
	s := g.session
	g.mu.Unlock()
	if s == nil { // Run has made no client
		return nil
	}
	return s.finish(ctx)
}

// MaxUnsettled implements [stages.Bounded], by Window: a member can have one partition alone.
func (g *Group) MaxUnsettled() int { return cmp.Or(g.Window, DefaultWindow) }

// Health implements [stages.HealthReporter].
func (g *Group) Health() stages.Health {
	g.mu.Lock()
	s := g.session
	g.mu.Unlock()
	if s == nil {
		return stages.Health{Lag: -1}
	}
	return s.health()
}

// session is a membership in a group.
type session struct {
	group   *Group
	client  *kgo.Client
	commits ack.Commits[Partition, position]

	mu       sync.Mutex
	owned    map[Partition]bool
	assigned []Partition         // since the last poll
	lag      map[Partition]int64 // at the last fetch
	trouble  error
	at       time.Time
	lost     int64 // number of times that the group was lost
}

// position is a record that is done.
type position struct {
	offset int64
	epoch  int32
}

func newSession(g *Group) (*session, error) {
	s := &session{group: g, owned: map[Partition]bool{}, lag: map[Partition]int64{}}
	s.commits.Window = g.MaxUnsettled()
	s.commits.Every = cmp.Or(g.CommitEvery, DefaultCommitEvery)
	s.commits.Commit = s.commit
	s.commits.Pause = func(p Partition) { s.client.PauseFetchPartitions(p.set()) }
	s.commits.Resume = func(p Partition) { s.client.ResumeFetchPartitions(p.set()) }
	options := append(g.Options[:len(g.Options):len(g.Options)],
		kgo.DisableAutoCommit(), kgo.BlockRebalanceOnPoll(), kgo.WithHooks(dials{s.note}),
		kgo.OnPartitionsAssigned(s.onAssigned), kgo.OnPartitionsRevoked(s.onRevoked), kgo.OnPartitionsLost(s.onLost))
	var err error
	if s.client, err = kgo.NewClient(options...); err != nil {
		return nil, fmt.Errorf("kafkaio: %w", err)
	}
	return s, nil
}

func (p Partition) set() map[string][]int32 { return map[string][]int32{p.Topic: {p.N}} }

// runGroup polls until ctx ends.
func runGroup[T any](g *Group, ctx context.Context, out *stages.Outlet[T], how reading[T]) error {
	s, err := newSession(g)
	if err != nil {
		return err
	}
	g.mu.Lock()
	g.session = s
	g.mu.Unlock()
	for ctx.Err() == nil {
		fetches := s.client.PollRecords(ctx, cmp.Or(g.Poll, DefaultPoll))
		// Ordering: no callback of a rebalance runs from here to AllowRebalance. What was
		// assigned before the poll is claimed before its records are emitted.
		s.claim()
		s.client.AllowRebalance()
		if ctx.Err() != nil {
			return nil // polled records are not in the flow yet, so they are not committed
		}
		if err := s.troubles(fetches); err != nil {
			return err
		}
		if err := emitAll(s, ctx, out, fetches, how); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
	}
	return nil
}

// measure records the lag of the partitions.
func (s *session) measure(fetches kgo.Fetches) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fetches.EachPartition(func(f kgo.FetchTopicPartition) {
		if n := len(f.Records); n > 0 {
			s.lag[Partition{f.Topic, f.Partition}] = max(0, f.HighWatermark-f.Records[n-1].Offset-1)
		}
	})
}

// troubles records the errors of a poll, and returns an error that ends the run.
func (s *session) troubles(fetches kgo.Fetches) (end error) {
	fetches.EachError(func(topic string, n int32, err error) {
		err = fmt.Errorf("kafkaio: fetch of %v: %w", Partition{topic, n}, err)
		s.note(err)
		if end == nil && s.ends(err) {
			end = err
		}
	})
	return end
}

func (s *session) ends(err error) bool {
	if s.group.Ends != nil {
		return s.group.Ends(err)
	}
	return !Heals(err)
}

func (s *session) note(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trouble, s.at = err, time.Now()
}

// dials notes which brokers the client cannot connect to. It implements kgo.HookBrokerConnect.
type dials struct{ note func(error) }

// OnBrokerConnect implements kgo.HookBrokerConnect.
func (d dials) OnBrokerConnect(b kgo.BrokerMetadata, _ time.Duration, _ net.Conn, err error) {
	if err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, kgo.ErrClientClosed) { // not the end of the client
		d.note(fmt.Errorf("kafkaio: connect to %s:%d: %w", b.Host, b.Port, err))
	}
}

func (s *session) health() stages.Health {
	h := s.commits.Health()
	s.mu.Lock()
	defer s.mu.Unlock()
	h.Lag, h.Reconnects = 0, s.lost
	for _, n := range s.lag {
		h.Lag += n
	}
	if s.at.After(h.At) {
		h.Err, h.At = s.trouble, s.at
	}
	return h
}

// finish makes the last commit and leaves the group.
func (s *session) finish(ctx context.Context) error {
	err := s.commits.Close(ctx)
	left := leave(ctx, s.client)
	s.client.CloseAllowingRebalance()
	return errors.Join(err, left)
}

// leave leaves the group. If it fails, the other members get the partitions or records of this one
// when its session has timed out.
func leave(ctx context.Context, client *kgo.Client) error {
	if err := client.LeaveGroupContext(ctx); err != nil {
		return fmt.Errorf("kafkaio: the group was not left: %w", err)
	}
	return nil
}

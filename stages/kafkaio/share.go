package kafkaio

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weir-go/weir/stages"
)

// DefaultSharePoll is how many records a poll of a [Share] brings if Poll is 0.
const DefaultSharePoll = 500

// Share is a source of the records of a share group (KIP-932): a queue in Kafka. It implements
// [stages.Source], [stages.Finisher] and [stages.HealthReporter]. Brokers must have share groups and
// renewals: Kafka 4.2 or newer.
//
// The brokers hand records out to members one by one, and wait for an answer to each. So more
// members than partitions can work, there is no order, and a slow record does not delay a commit. A
// record that is done is accepted. One that fails, or is handed back, is released, and comes again
// to any member; see [Reject] for one that is not to come again. While the source holds a record,
// it renews its lock.
//
// A poll of the client accepts all records of the poll before that have no answer yet. So a member
// polls again only when all records of its last poll are settled, and one slow record delays its
// member. Run several members if single records can be slow. For the same reason a Batch above 1
// needs a delay, or the flow is not valid.
//
// A record that is handed back with a delay stays with its member, which does not poll until the
// delay has passed. So delays must be short. The brokers silently drop a record that was delivered
// as often as the group allows (share.delivery.count.limit, 5 unless set). So use
// stages.MaxDeliveries below that limit, and [DeadLetters].
//
// Each run makes a client, joins the group, and leaves it when everything is settled. A Share must not
// be part of two runs at the same time; use one for each. Set the fields before the run.
type Share struct {
	// Options are those of the client: at least kgo.SeedBrokers, kgo.ShareGroup and
	// kgo.ConsumeTopics. The source sets how many records are fetched, and the callback of
	// acknowledgements; options for these have no effect.
	//
	// A new group begins at the end of its topics, unless the configuration of the group sets
	// share.auto.offset.reset to earliest.
	Options []kgo.Opt
	// Poll is how many records a poll brings, at most, and so how many are open. It is
	// [DefaultSharePoll] if 0. A member that dies repeats no more than that.
	Poll int
	// Ends says which errors of a fetch end the run, as in a [Group].
	Ends func(error) bool

	mu     sync.Mutex
	member *sharer // of the last run
}

// Validate implements [stages.Validator].
func (s *Share) Validate() error {
	return errors.Join(
		needs(len(s.Options) == 0, "there are no options: set at least kgo.SeedBrokers, kgo.ShareGroup and kgo.ConsumeTopics"),
		needs(s.Poll < 0, "poll is negative"))
}

// MaxUnsettled implements [stages.Bounded]: more than one record comes only if the brokers have more.
func (s *Share) MaxUnsettled() int { return 1 }

// Run implements [stages.Source].
func (s *Share) Run(ctx context.Context, out *stages.Outlet[*kgo.Record]) error {
	m, err := newSharer(s)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.member = m
	s.mu.Unlock()
	defer m.stop()
	for ctx.Err() == nil {
		_ = m.client.FlushAcks(ctx) // the brokers have all answers, or ctx has ended
		fetches := m.client.PollRecords(ctx, m.most)
		if ctx.Err() == nil { // otherwise the poll tells of its end alone
			if err := m.troubles(fetches); err != nil {
				m.answer(kgo.AckRelease, fetches.Records()...)
				return err
			}
		}
		if !m.bring(ctx, out, fetches.Records()) {
			return nil
		}
	}
	return nil
}

// Finish implements [stages.Finisher]: the brokers have all answers, and the member leaves the group.
func (s *Share) Finish(ctx context.Context) error {
	s.mu.Lock()
	m := s.member
	s.mu.Unlock()
	if m == nil { // Run has made no client
		return nil
	}
	return m.finish(ctx)
}

// Health implements [stages.HealthReporter]. The lag is not known.
func (s *Share) Health() stages.Health {
	s.mu.Lock()
	m := s.member
	s.mu.Unlock()
	if m == nil {
		return stages.Health{Lag: -1}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return stages.Health{Unsettled: int64(len(m.held)), Lag: -1, Err: m.trouble, At: m.at}
}

// Reject returns an error that ends a record of a [Share]: it is not handed out again. A function,
// a policy or a sink returns it. The run continues, and the ledger counts the record as handed
// back. A [Group] treats such a record as handed back.
func Reject(reason string) error { return &stages.HandBackError{Err: &rejected{reason}} }

type rejected struct{ reason string }

func (r *rejected) Error() string { return "rejected: " + r.reason }

// newSharer makes the client of a run.
func newSharer(s *Share) (*sharer, error) {
	m := &sharer{share: s, most: cmp.Or(s.Poll, DefaultSharePoll), held: map[*kgo.Record]*holding{}, idle: make(chan struct{}, 1), ended: make(chan struct{})}
	options := append(s.Options[:len(s.Options):len(s.Options)],
		kgo.ShareMaxRecords(int32(m.most)), kgo.ShareMaxRecordsStrict(), kgo.MaxConcurrentFetches(0), kgo.ShareAckCallback(m.heard),
		kgo.WithHooks(dials{m.note}))
	var err error
	if m.client, err = kgo.NewClient(options...); err != nil {
		return nil, fmt.Errorf("kafkaio: %w", err)
	}
	return m, nil
}

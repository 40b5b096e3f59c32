package kafkaio_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/flow/flowtest/queuetest"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/kafkaio"
	"github.com/weir-go/weir/stages/sink"
)

// The suite of connectors for a share group. A delay holds up its member, so the case in which others
// overtake what is delayed is not promised.
func TestShareConformance(t *testing.T) {
	r := newRig(t, map[string]string{
		"message.max.bytes": "33554432", "group.share.heartbeat.interval.ms": "50", "group.share.session.timeout.ms": "6000", "group.share.delivery.count.limit": "1000", // of 20 kills a record can meet many
		"share.record.lock.sweep.interval.ms": "100",
	})
	b := r.broker()
	b.Term, b.Patience = 3*time.Second, time.Minute // a lock is renewed each second
	create := b.Create
	b.Create = func(t testing.TB, c queuetest.Config) string {
		queue := create(t, c)
		topic := parse(queue).topic
		r.SetGroupConfigs(topic, map[string]string{
			"share.auto.offset.reset": "earliest", "share.record.lock.duration.ms": fmt.Sprint(c.Term.Milliseconds()),
		})
		return fmt.Sprintf("%s %d", queue, c.InFlight)
	}
	b.Left = patiently(func(ctx context.Context, queue string) (int, error) {
		topic := parse(queue).topic
		groups, err := r.admin.DescribeShareGroupOffsets(ctx, topic)
		if err != nil && !strings.Contains(err.Error(), "GROUP_ID_NOT_FOUND") {
			return 0, err
		}
		left, known := 0, 0
		groups[topic].Offsets.Each(func(o kadm.ShareOffset) {
			if o.StartOffset >= 0 {
				left, known = left+int(o.Lag), known|1<<o.Partition
			}
		})
		more, err := r.left(ctx, topic, func(int32) int64 { return 0 }, known)
		return left + more, err
	})
	b.FailAcks = func(_ testing.TB, queue string) func() {
		var healed atomic.Bool
		topic := parse(queue).topic
		fail := func(kreq kmsg.Request) (kmsg.Response, error, bool) {
			if healed.Load() {
				return nil, nil, false
			}
			r.KeepControl()
			group := ""
			switch q := kreq.(type) { // answers come with either
			case *kmsg.ShareFetchRequest:
				group = *q.GroupID
			case *kmsg.ShareAcknowledgeRequest:
				group = *q.GroupID
			}
			if group != topic {
				return nil, nil, false
			}
			return nil, errors.New("no"), true // the broker closes the connection
		}
		r.ControlKey(kmsg.ShareFetch.Int16(), fail)
		r.ControlKey(kmsg.ShareAcknowledge.Int16(), fail)
		return func() { healed.Store(true) }
	}
	b.Features = queuetest.Features{Order: queuetest.Unordered, Deliveries: true, Groups: true}
	queuetest.Run(t, b)
}

func TestAShareWithoutOptionsIsNotValid(t *testing.T) {
	end := sink.ForEach(func(context.Context, *kgo.Record) error { return nil })
	err := flow.From(&kafkaio.Share{Poll: -1}).To(end).Validate()
	require.ErrorContains(t, err, "there are no options")
	require.ErrorContains(t, err, "poll is negative")
	s := &kafkaio.Share{Options: []kgo.Opt{kgo.ShareGroup("billing")}}
	batch := sink.ForEach(func(context.Context, []*kgo.Record) error { return nil })
	require.ErrorContains(t, flow.From(s).Batch(2, 0).To(batch).Validate(), "it waits for 2 items")
}

// sharing starts a broker with n records for a share group.
func sharing(t *testing.T, n int) (seeds kgo.Opt, s *kafkaio.Share) {
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"), kfake.BrokerConfigs(map[string]string{"group.share.heartbeat.interval.ms": "50"}))
	require.NoError(t, err)
	t.Cleanup(c.Close)
	c.SetGroupConfigs("billing", map[string]string{"share.auto.offset.reset": "earliest"})
	seeds = kgo.SeedBrokers(c.ListenAddrs()...)
	fill(t, seeds, "orders", n)
	return seeds, &kafkaio.Share{Options: []kgo.Opt{seeds, kgo.ShareGroup("billing"), kgo.ConsumeTopics("orders"), kgo.FetchMaxWait(50 * time.Millisecond)}}
}

// came is a delivery, as a DeadLetter stage sees it.
type came struct {
	value      string
	deliveries int
	at         time.Time
}

// answered runs a share whose stage fails with what fail says of a record and its deliveries, until n
// deliveries have come.
func answered(t *testing.T, s *kafkaio.Share, n int, fail func(value string, deliveries int) error) (all []came) {
	done := make(chan struct{})
	_, err := flow.From(s).
		Map("fail", func(_ context.Context, r *kgo.Record) (*kgo.Record, error) {
			all = append(all, came{string(r.Value), int(r.DeliveryCount()), time.Now()})
			if len(all) == n {
				time.AfterFunc(300*time.Millisecond, func() { close(done) }) // for what must not come
			}
			return r, fail(string(r.Value), int(r.DeliveryCount()))
		}).
		To(sink.ForEach(func(context.Context, *kgo.Record) error { return nil })).Run(t.Context(), flow.StopWhen(done), flow.DrainTimeout(20*time.Second))
	require.NoError(t, err)
	require.Zero(t, s.Health().Unsettled)
	return all
}

// A record that is handed back for a time comes again after that, with its count.
func TestAShareHandsARecordBackAfterADelay(t *testing.T) {
	_, s := sharing(t, 3)
	all := answered(t, s, 4, func(value string, deliveries int) error {
		if value == "1" && deliveries == 1 {
			return stages.HandBack(400 * time.Millisecond)
		}
		return nil
	})
	require.Len(t, all, 4)
	require.Equal(t, "1", all[3].value)
	require.Equal(t, 2, all[3].deliveries)
	require.GreaterOrEqual(t, all[3].at.Sub(all[1].at), 400*time.Millisecond)
}

// A record that was rejected does not come again, also for another member.
func TestARejectedRecordOfAShareDoesNotComeAgain(t *testing.T) {
	seeds, s := sharing(t, 3)
	require.Len(t, answered(t, s, 3, func(value string, _ int) error {
		if value == "1" {
			return fmt.Errorf("parse: %w", kafkaio.Reject("no such customer"))
		}
		return nil
	}), 3)
	fill(t, seeds, "orders", 1)
	all := answered(t, &kafkaio.Share{Options: s.Options}, 1, func(string, int) error { return nil })
	require.Len(t, all, 1)
	require.Equal(t, "0", all[0].value)
}

// A stop does not wait for a record that was handed back for a time: it is free at once.
func TestAStopOfAShareReleasesWhatIsDelayed(t *testing.T) {
	_, s := sharing(t, 1)
	all := answered(t, s, 1, func(string, int) error { return stages.HandBack(time.Hour) })
	require.Len(t, all, 1)
	all = answered(t, &kafkaio.Share{Options: s.Options}, 1, func(string, int) error { return nil })
	require.Equal(t, 2, all[0].deliveries)
}

// A stop is no trouble. The fault: the health of a stopped run told that its poll was canceled.
func TestAStoppedShareIsHealthy(t *testing.T) {
	_, s := sharing(t, 1)
	require.Len(t, answered(t, s, 1, func(string, int) error { return nil }), 1)
	require.NoError(t, s.Health().Err)
}

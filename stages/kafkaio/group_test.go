package kafkaio_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/kafkaio"
	"github.com/weir-go/weir/stages/sink"
)

// worked is what was done with the records of a topic.
type worked struct {
	mu    sync.Mutex
	times map[int]int             // by value
	last  map[string]int          // the largest done value by key
	wrong []string                // of the order
	where map[int32]map[int64]int // how often each offset was done
}

func newWorked() *worked {
	return &worked{times: map[int]int{}, last: map[string]int{}, where: map[int32]map[int64]int{}}
}

// note notes that a record is done. A record that comes again does not count for the order.
func (w *worked) note(r *kgo.Record) {
	w.mu.Lock()
	defer w.mu.Unlock()
	v, _ := strconv.Atoi(string(r.Value))
	w.times[v]++
	if w.times[v] > 1 {
		return
	}
	if last, ok := w.last[string(r.Key)]; ok && v < last {
		w.wrong = append(w.wrong, fmt.Sprintf("key %s: %d after %d", r.Key, v, last))
	}
	w.last[string(r.Key)] = v
}

func (w *worked) all() (n, repeats int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, times := range w.times {
		repeats += times - 1
	}
	return len(w.times), repeats
}

// until waits until n records are done.
func (w *worked) until(t *testing.T, n int) {
	t.Helper()
	require.Eventually(t, func() bool { done, _ := w.all(); return done >= n }, 60*time.Second, 5*time.Millisecond)
}

func byKey(r *kgo.Record) string { return string(r.Key) }

// start runs a member that works on keys in parallel.
func start(t *testing.T, g *kafkaio.Group, w *worked, work time.Duration) *flow.Run {
	t.Helper()
	run, err := flow.From(g).
		Lanes("work", byKey, func(ctx context.Context, r *kgo.Record) (*kgo.Record, error) {
			select {
			case <-time.After(work):
				return r, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}, stages.Workers(8)).
		To(sink.ForEach(func(_ context.Context, r *kgo.Record) error { w.note(r); return nil })).
		Start(context.Background(), flow.DrainTimeout(20*time.Second))
	require.NoError(t, err)
	return run
}

func stop(t *testing.T, run *flow.Run) *flow.Report {
	t.Helper()
	run.Stop()
	report, err := run.Wait()
	require.NoError(t, err)
	require.NoError(t, report.Check())
	return report
}

func TestAGroupReadsAndCommits(t *testing.T) {
	seeds := cluster(t, 6, "orders")
	fill(t, seeds, "orders", 3000)
	w := newWorked()
	run := start(t, member(seeds, "billing", "orders"), w, 0)
	w.until(t, 3000)
	report := stop(t, run)
	require.EqualValues(t, 3000, report.Ledger.In)
	require.Zero(t, report.Stages[0].Health.Unsettled)
	fill(t, seeds, "orders", 100)
	run = start(t, member(seeds, "billing", "orders"), w, 0)
	require.Eventually(t, func() bool { _, repeats := w.all(); return repeats == 100 }, 20*time.Second, 5*time.Millisecond,
		"the second member gets the new records, whose values the first 100 have, and no other")
	stop(t, run)
	_, repeats := w.all()
	require.Equal(t, 100, repeats)
	require.Empty(t, w.wrong)
}

func TestCleanRebalancesUnderLoadLoseAndRepeatNothing(t *testing.T) {
	const records = 12000
	seeds := cluster(t, 6, "orders")
	fill(t, seeds, "orders", records)
	w := newWorked()
	members := make([]*flow.Run, 3)
	members[0] = start(t, member(seeds, "billing", "orders"), w, time.Millisecond)
	r := rand.New(rand.NewPCG(1, 2))
	for joins := 0; joins < 20; joins++ {
		i := r.IntN(3)
		if members[i] != nil {
			stop(t, members[i])
			members[i] = nil
		} else {
			members[i] = start(t, member(seeds, "billing", "orders"), w, time.Millisecond)
		}
		time.Sleep(time.Duration(20+r.IntN(100)) * time.Millisecond)
	}
	if members[0] == nil {
		members[0] = start(t, member(seeds, "billing", "orders"), w, 0)
	}
	w.until(t, records)
	for _, run := range members {
		if run != nil {
			stop(t, run)
		}
	}
	done, repeats := w.all()
	require.Equal(t, records, done)
	require.Zero(t, repeats)
	require.Empty(t, w.wrong)
}

func TestARecordThatFailsIsNotCommitted(t *testing.T) {
	seeds := cluster(t, 1, "orders")
	fill(t, seeds, "orders", 10)
	boom := errors.New("boom")
	g := member(seeds, "billing", "orders")
	_, err := flow.From(g).Map("work", func(_ context.Context, r *kgo.Record) (*kgo.Record, error) {
		if string(r.Value) == "4" {
			return nil, boom
		}
		return r, nil
	}).To(sink.ForEach(func(context.Context, *kgo.Record) error { return nil })).Run(t.Context())
	require.ErrorIs(t, err, boom)
	w := newWorked()
	run := start(t, member(seeds, "billing", "orders"), w, 0)
	w.until(t, 6)
	stop(t, run)
	require.NotContains(t, w.times, 3)
	require.Contains(t, w.times, 4)
}

func TestASlowPartitionDoesNotHoldUpTheOthers(t *testing.T) {
	seeds := cluster(t, 2, "orders")
	client, err := kgo.NewClient(seeds, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	require.NoError(t, err)
	defer client.Close()
	for i := range 400 {
		client.Produce(t.Context(), &kgo.Record{Topic: "orders", Partition: int32(i % 2), Value: fmt.Append(nil, i), Key: fmt.Append(nil, i%2)}, nil)
	}
	require.NoError(t, client.Flush(t.Context()))
	g := member(seeds, "billing", "orders")
	g.Window, g.Poll = 20, 10
	release := make(chan struct{})
	w := newWorked()
	run, err := flow.From(g).Lanes("work", byKey, func(ctx context.Context, r *kgo.Record) (*kgo.Record, error) {
		if r.Partition == 0 {
			<-release
		}
		w.note(r)
		return r, nil
	}, stages.Workers(64)).To(sink.ForEach(func(context.Context, *kgo.Record) error { return nil })).Start(t.Context())
	require.NoError(t, err)
	require.Eventually(t, func() bool { n, _ := w.all(); return n == 200 }, 20*time.Second, 5*time.Millisecond, "all of the other partition")
	close(release)
	w.until(t, 400)
	stop(t, run)
	_, repeats := w.all()
	require.Zero(t, repeats)
}

func TestWhatIsLateAtARevokeIsEndedAndComesAgain(t *testing.T) {
	seeds := cluster(t, 2, "orders")
	fill(t, seeds, "orders", 20)
	g := member(seeds, "billing", "orders")
	g.Patience = 200 * time.Millisecond
	ended := make(chan error, 100)
	slow, err := flow.From(g).Map("hang", func(ctx context.Context, r *kgo.Record) (*kgo.Record, error) {
		<-ctx.Done()
		ended <- context.Cause(ctx)
		return nil, ctx.Err()
	}, stages.Workers(32)).To(sink.ForEach(func(context.Context, *kgo.Record) error { return nil })).Start(t.Context())
	require.NoError(t, err)
	require.Eventually(t, func() bool { return slow.Snapshot().Ledger.In == 20 }, 20*time.Second, 5*time.Millisecond)
	w := newWorked()
	quick := start(t, member(seeds, "billing", "orders"), w, 0)
	require.ErrorIs(t, <-ended, stages.ErrHandedBack)
	slow.Abort(errors.New("enough"))
	_, _ = slow.Wait()
	w.until(t, 20)
	stop(t, quick)
}

// Unless told otherwise, a missing right ends the run. A policy can have the run wait for it.
func TestAPolicySaysWhichErrorsEndTheRun(t *testing.T) {
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	require.NoError(t, err)
	t.Cleanup(c.Close)
	seeds := kgo.SeedBrokers(c.ListenAddrs()...)
	fill(t, seeds, "orders", 100)
	forbidden := c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Err: kerr.TopicAuthorizationFailed, Count: -1})
	w := newWorked()
	_, err = start(t, member(seeds, "strict", "orders"), w, 0).Wait()
	require.ErrorIs(t, err, kerr.TopicAuthorizationFailed)

	patient := member(seeds, "patient", "orders")
	patient.Ends = func(err error) bool { return !kafkaio.Heals(err) && !errors.Is(err, kerr.TopicAuthorizationFailed) }
	run := start(t, patient, w, 0)
	require.Eventually(t, func() bool { return errors.Is(patient.Health().Err, kerr.TopicAuthorizationFailed) }, 60*time.Second, time.Millisecond)
	forbidden.Remove()
	w.until(t, 100)
	stop(t, run)
}

func TestAGroupWithoutOptionsIsNotValid(t *testing.T) {
	err := flow.From(&kafkaio.Group{Window: -1}).To(sink.ForEach(func(context.Context, *kgo.Record) error { return nil })).Validate()
	require.ErrorContains(t, err, "there are no options")
	require.ErrorContains(t, err, "window is negative")
}

// A batch that is never due waits for more records than a partition may have open.
func TestABatchAboveTheWindowIsNotValid(t *testing.T) {
	g := &kafkaio.Group{Options: []kgo.Opt{kgo.ConsumerGroup("billing")}, Window: 50}
	end := sink.ForEach(func(context.Context, []*kgo.Record) error { return nil })
	require.ErrorContains(t, flow.From(g).Batch(51, 0).To(end).Validate(), "it waits for 51 items")
	require.NoError(t, flow.From(g).Batch(50, 0).To(end).Validate())
	require.NoError(t, flow.From(g).Batch(51, time.Second).To(end).Validate())
	require.ErrorContains(t, flow.From(&kafkaio.Group{Options: g.Options}).Batch(kafkaio.DefaultWindow+1, 0).To(end).Validate(), "it waits for 4097 items")
}

// The fault: a member that was away for longer than its session ended its run, although the client
// joins the group again by itself.
func TestAMemberThatTheGroupHasForgottenHeals(t *testing.T) {
	for err, heals := range map[error]bool{
		&kgo.ErrGroupSession{Err: kerr.UnknownMemberID}:          true,
		&kgo.ErrGroupSession{Err: kerr.IllegalGeneration}:        true,
		&kgo.ErrGroupSession{Err: kerr.GroupAuthorizationFailed}: false,
		kerr.UnknownMemberID:         false,
		kerr.NotLeaderForPartition:   true,
		kerr.UnknownTopicOrPartition: true,
		kgo.ErrClientClosed:          false,
	} {
		require.Equal(t, heals, kafkaio.Heals(fmt.Errorf("fetch: %w", err)), err)
	}
}

// A run that cannot leave its group says so: the others wait until its session has timed out.
func TestAGroupThatCannotBeLeft(t *testing.T) {
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	require.NoError(t, err)
	defer c.Close()
	c.ControlKey(kmsg.LeaveGroup.Int16(), func(req kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		resp := req.ResponseKind().(*kmsg.LeaveGroupResponse)
		resp.ErrorCode = kerr.GroupAuthorizationFailed.Code
		return resp, nil, true
	})
	seeds := kgo.SeedBrokers(c.ListenAddrs()...)
	fill(t, seeds, "orders", 1)
	w := newWorked()
	run := start(t, member(seeds, "billing", "orders"), w, 0)
	w.until(t, 1)
	run.Stop()
	_, err = run.Wait()
	require.ErrorContains(t, err, "kafkaio: the group was not left: ")
	require.ErrorIs(t, err, kerr.GroupAuthorizationFailed)
}

// The health of a source tells of brokers that cannot be reached. The fault: the client keeps trying
// and tells nothing, so a source that had never connected was healthy.
func TestTheHealthTellsOfBrokersThatAreAway(t *testing.T) {
	away := kgo.SeedBrokers("127.0.0.1:1")
	for _, src := range []stages.Source[*kgo.Record]{
		member(away, "billing", "orders"),
		&kafkaio.Share{Options: []kgo.Opt{away, kgo.ShareGroup("billing"), kgo.ConsumeTopics("orders")}},
	} {
		run, err := flow.From(src).To(sink.ForEach(func(context.Context, *kgo.Record) error { return nil })).Start(t.Context())
		require.NoError(t, err)
		require.Eventually(t, func() bool { return run.Snapshot().Stages[0].Health.Err != nil }, time.Minute, 10*time.Millisecond)
		report := stop(t, run)
		require.ErrorContains(t, report.Stages[0].Health.Err, "connect to 127.0.0.1:1: ")
	}
}

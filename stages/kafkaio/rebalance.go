package kafkaio

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// onAssigned records new partitions. The polling loop claims them.
func (s *session) onAssigned(_ context.Context, _ *kgo.Client, all map[string][]int32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for p := range partitions(all) {
		s.owned[p] = true
		s.assigned = append(s.assigned, p)
	}
}

// claim claims the partitions that were assigned since the last poll.
func (s *session) claim() {
	s.mu.Lock()
	all := s.assigned
	s.assigned = nil
	s.mu.Unlock()
	for _, p := range all {
		s.commits.Claim(p)
	}
}

// onRevoked drains the partitions that go to other members. The rebalance waits for it.
func (s *session) onRevoked(ctx context.Context, _ *kgo.Client, all map[string][]int32) {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(s.group.Patience, DefaultPatience))
	defer cancel()
	var drains sync.WaitGroup
	for p := range partitions(all) {
		drains.Go(func() {
			if err := s.commits.Drain(ctx, p); err != nil {
				s.note(err)
			}
		})
	}
	drains.Wait()
	s.disown(all)
}

// onLost gives up the partitions that other members have by now.
func (s *session) onLost(_ context.Context, _ *kgo.Client, all map[string][]int32) {
	s.disown(all)
	for p := range partitions(all) {
		s.commits.Forget(p)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lost++
}

func (s *session) disown(all map[string][]int32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for p := range partitions(all) {
		delete(s.owned, p)
		delete(s.lag, p)
	}
}

// partitions ranges over the partitions of a callback.
func partitions(all map[string][]int32) func(yield func(Partition) bool) {
	return func(yield func(Partition) bool) {
		for topic, ns := range all {
			for _, n := range ns {
				if !yield(Partition{topic, n}) {
					return
				}
			}
		}
	}
}

// commitPause is the time between two attempts to commit.
const commitPause = 100 * time.Millisecond

// commit commits the positions. It tries again while the group rebalances, and until it has a
// coordinator. It leaves out positions of partitions that this member has lost.
func (s *session) commit(ctx context.Context, upTo map[Partition]position) error {
	for {
		err := s.commitOnce(ctx, s.still(upTo))
		if err == nil || !passes(err) {
			return err
		}
		s.note(err)
		select {
		case <-time.After(commitPause):
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		}
	}
}

// still returns the positions of partitions that this member still has.
func (s *session) still(upTo map[Partition]position) map[string]map[int32]kgo.EpochOffset {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := map[string]map[int32]kgo.EpochOffset{}
	for p, at := range upTo {
		if !s.owned[p] {
			continue
		}
		if all[p.Topic] == nil {
			all[p.Topic] = map[int32]kgo.EpochOffset{}
		}
		all[p.Topic][p.N] = kgo.EpochOffset{Epoch: at.epoch, Offset: at.offset + 1}
	}
	return all
}

// commitOnce commits once. It returns the first error, also that of a single partition.
func (s *session) commitOnce(ctx context.Context, all map[string]map[int32]kgo.EpochOffset) (err error) {
	if len(all) == 0 {
		return nil
	}
	s.client.CommitOffsetsSync(ctx, all, func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, resp *kmsg.OffsetCommitResponse, failed error) {
		if err = failed; err != nil {
			return
		}
		for _, t := range resp.Topics {
			for _, p := range t.Partitions {
				err = cmp.Or(err, kerr.ErrorForCode(p.ErrorCode))
			}
		}
	})
	return err
}

// passes reports whether a commit is worth another attempt.
func passes(err error) bool {
	return rejoins(err) || errors.Is(err, kerr.FencedInstanceID) || Heals(err)
}

// rejoins reports whether the group does not know the member now: the client joins it again.
func rejoins(err error) bool {
	for _, one := range []error{kerr.RebalanceInProgress, kerr.IllegalGeneration, kerr.UnknownMemberID, kerr.StaleMemberEpoch, kerr.FencedMemberEpoch} {
		if errors.Is(err, one) {
			return true
		}
	}
	return false
}

// Heals reports whether an error of the client can pass by itself. Such an error is a lost
// connection, a broker that is down or overloaded, a leader that moves, or a member that must join
// its group again. Errors about the request itself, such as missing rights, do not pass.
func Heals(err error) bool {
	var session *kgo.ErrGroupSession
	if errors.As(err, &session) && rejoins(session.Err) {
		return true
	}
	var known *kerr.Error
	if errors.As(err, &known) {
		return known.Retriable
	}
	return !errors.Is(err, kgo.ErrClientClosed)
}

package kafkaio

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weir-go/weir/stages"
)

// sharer is a member of a share group.
//
// Invariant: the client is polled only while no record is held. A poll accepts all earlier records
// without an answer.
type sharer struct {
	share  *Share
	client *kgo.Client
	most   int

	mu      sync.Mutex // Guarded by: mu, all fields below
	held    map[*kgo.Record]*holding
	stopped bool // polling has ended
	trouble error
	at      time.Time

	idle    chan struct{} // a token when no record is held
	ended   chan struct{}
	renews  sync.Once // begins when the duration of a lock is known
	renewal sync.WaitGroup
}

// holding is a record without an answer.
type holding struct {
	delay *time.Timer // until it goes back; nil if it is in the flow
}

// bring sends the records of a poll into the flow, and waits until all are settled. It returns
// false when ctx has ended: records in the flow are settled later.
func (m *sharer) bring(ctx context.Context, out *stages.Outlet[*kgo.Record], records []*kgo.Record) bool {
	if len(records) == 0 {
		return ctx.Err() == nil
	}
	if ctx.Err() != nil { // no record is sent
		m.answer(kgo.AckRelease, records...)
		return false
	}
	m.hold(records)
	receipts := make([]stages.Receipt, len(records))
	for i, r := range records {
		receipts[i] = stages.Receipt{
			Ack: func(err error) { m.settle(r, err) }, Context: r.Context, Deliveries: int(r.DeliveryCount()),
			ID: fmt.Sprintf("%s/%d/%d", r.Topic, r.Partition, r.Offset),
		}
	}
	if n := out.DeliverAll(receipts, records); n < len(records) {
		m.answer(kgo.AckRelease, records[n:]...)
		return false
	}
	select {
	case <-m.idle:
		return true
	case <-ctx.Done():
		return false
	}
}

// hold registers records, and begins to renew their locks.
func (m *sharer) hold(records []*kgo.Record) {
	first := time.Now().Add(time.Hour)
	m.mu.Lock()
	for _, r := range records {
		m.held[r] = &holding{}
		if by := r.AcquisitionDeadline(); by.Before(first) {
			first = by
		}
	}
	m.mu.Unlock()
	every := max(time.Until(first)/3, 10*time.Millisecond)
	m.renews.Do(func() { m.renewal.Go(func() { m.renew(every) }) })
}

// renew renews the locks of held records, until the run has ended.
func (m *sharer) renew(every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-m.ended:
			return
		}
		m.mu.Lock()
		all := make([]*kgo.Record, 0, len(m.held))
		for r := range m.held {
			all = append(all, r)
		}
		m.mu.Unlock()
		if len(all) > 0 { // the client takes no records to mean all records
			m.client.MarkAcks(kgo.AckRenew, all...) // has no effect on a record with an answer
		}
	}
}

// settle answers for a record, or waits before it does.
func (m *sharer) settle(r *kgo.Record, err error) {
	after, back := stages.HandedBack(err)
	var no *rejected
	switch {
	case err == nil:
		m.answer(kgo.AckAccept, r)
	case errors.As(err, &no):
		m.answer(kgo.AckReject, r)
	case back && after > 0 && m.delay(r, after):
	default:
		m.answer(kgo.AckRelease, r)
	}
}

// delay releases a record after a delay. It returns false if there is no delay.
func (m *sharer) delay(r *kgo.Record, after time.Duration) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	h := m.held[r]
	if h == nil || m.stopped {
		return false
	}
	h.delay = time.AfterFunc(after, func() { m.answer(kgo.AckRelease, r) })
	return true
}

// answer tells the brokers the outcome of records.
func (m *sharer) answer(status kgo.AckStatus, records ...*kgo.Record) {
	if len(records) == 0 { // the client takes no records to mean all records
		return
	}
	m.client.MarkAcks(status, records...)
	m.mu.Lock()
	defer m.mu.Unlock()
	before := len(m.held)
	for _, r := range records {
		delete(m.held, r)
	}
	if before > 0 && len(m.held) == 0 {
		select {
		case m.idle <- struct{}{}:
		default:
		}
	}
}

// stop releases the records that wait for a delay, because the member does not poll any more.
func (m *sharer) stop() {
	m.mu.Lock()
	m.stopped = true
	var all []*kgo.Record
	for r, h := range m.held {
		if h.delay != nil && h.delay.Stop() {
			all = append(all, r)
		}
	}
	m.mu.Unlock()
	m.answer(kgo.AckRelease, all...)
}

// finish waits until the brokers have all answers, and leaves the group.
func (m *sharer) finish(ctx context.Context) error {
	close(m.ended)
	m.renewal.Wait()
	err := m.client.FlushAcks(ctx)
	if err != nil {
		err = fmt.Errorf("kafkaio: the last acknowledgements may not have reached the brokers: %w", err)
	}
	left := leave(ctx, m.client)
	m.client.Close()
	return errors.Join(err, left)
}

// heard handles the brokers' results for answers. Records whose answer was refused come again.
func (m *sharer) heard(_ *kgo.Client, results kgo.ShareAckResults) {
	for _, r := range results {
		if r.Err != nil {
			m.note(fmt.Errorf("kafkaio: acknowledge in %v: %w", Partition{r.Topic, r.Partition}, r.Err))
		}
	}
}

// troubles records the errors of a poll, and returns an error that ends the run.
func (m *sharer) troubles(fetches kgo.Fetches) (end error) {
	fetches.EachError(func(topic string, n int32, err error) {
		err = fmt.Errorf("kafkaio: fetch of %v: %w", Partition{topic, n}, err)
		m.note(err)
		ends := m.share.Ends
		if ends == nil {
			ends = func(err error) bool { return !Heals(err) }
		}
		if end == nil && ends(err) {
			end = err
		}
	})
	return end
}

func (m *sharer) note(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.trouble, m.at = err, time.Now()
}

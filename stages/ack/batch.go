package ack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/weir-go/weir/primitives/retry"
)

// DefaultSize is how many deliveries a [Batch] acknowledges at once if Size is 0.
const DefaultSize = 100

// Batch acknowledges the deliveries of a queue, many with one call.
//
//	done:  a-b---c-------------d---|
//	Send:  -------[a b c]----------[d]     Size 3, Close
//
// The function of [Batch.Ack] is the acknowledgement of one delivery. It returns at
// once. Set the fields before the first use, and call [Batch.Close] in the Finish of the
// source; see [stages.Finisher]. The methods may be called from any goroutine.
//
// What waits to be sent is bounded by what the queue hands out without an
// acknowledgement.
type Batch[ID any] struct {
	// Size is how many deliveries are acknowledged at once, at most. It is
	// [DefaultSize] if 0.
	Size int
	// Delay is how long a delivery waits for others, if Size is not reached. If it is
	// 0, there is no wait: Send is called when there is something to send, and again
	// as soon as it has returned.
	Delay time.Duration
	// Send acknowledges deliveries, in the order in which they were done. It is called
	// from one goroutine. If it fails, and Retry does not help, the queue hands the
	// deliveries out again. The context ends when Close gives up.
	Send func(ctx context.Context, ids []ID) error
	// Retry tries Send again. If it is nil, Send is tried once.
	Retry *retry.Retrier
	// Nack is called at once with a delivery that failed, and must not block for long.
	// [stages.HandedBack] tells from the error whether, and after what delay, the queue should
	// hand the delivery out again. To send such answers in batches as well, give them to
	// another Batch: its ID is the delivery and the answer. If Nack is nil, a delivery that
	// failed is left alone, and the queue hands it out again.
	Nack func(id ID, err error)

	mu      sync.Mutex
	ids     []ID // wait until they are sent
	sending int  // deliveries that are being sent
	sent    int64
	failed  int64
	err     error // the first error of Send
	rounds  rounds[[]ID]
}

// BatchSnapshot is the state of a [Batch].
type BatchSnapshot struct {
	// Waiting is how many deliveries wait to be sent, or are being sent.
	Waiting int
	// Sent is how many were acknowledged.
	Sent int64
	// Failed is how many could not be acknowledged, and Err is why the first could not.
	Failed int64
	Err    error
}

// Ack returns the acknowledgement of one delivery: the Ack of a source.Delivery, or the
// function for [stages.Outlet.EmitAcked]. Only its first call counts.
func (b *Batch[ID]) Ack(id ID) func(error) {
	var once sync.Once
	return func(err error) { once.Do(func() { b.Settle(id, err) }) }
}

// Settle says that a delivery is done, or has failed with err. It must be called once for each:
// see [Batch.Ack].
func (b *Batch[ID]) Settle(id ID, err error) {
	switch {
	case err == nil:
		b.add(id)
	case b.Nack != nil:
		b.Nack(id, err)
	}
}

// add adds a delivery to the waiting ones.
func (b *Batch[ID]) add(id ID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.rounds.closed {
		b.fail(1, ErrClosed)
		return
	}
	b.ids = append(b.ids, id)
	b.rounds.add(b, 1)
	if len(b.ids) >= b.size() {
		b.rounds.rush()
	}
}

func (b *Batch[ID]) size() int { return cmp.Or(max(b.Size, 0), DefaultSize) }

// faults returns what is wrong with the fields.
func (b *Batch[ID]) faults() error {
	return errors.Join(
		needs(b.Send == nil, "ack: Send is nil"),
		needs(b.Size < 0, "ack: Size is negative"),
		needs(b.Delay < 0, "ack: Delay is negative"))
}

func (b *Batch[ID]) lock() *sync.Mutex   { return &b.mu }
func (b *Batch[ID]) rest() time.Duration { return b.Delay }

// take takes the first deliveries. The next round is due if enough are left.
func (b *Batch[ID]) take() (ids []ID, n uint64) {
	size := min(b.size(), len(b.ids))
	ids, b.ids, b.sending = b.ids[:size:size], b.ids[size:], size
	if len(b.ids) >= b.size() {
		b.rounds.rush()
	}
	return ids, uint64(size)
}

// send calls Send. The caller must not hold the lock.
func (b *Batch[ID]) send(ctx context.Context, ids []ID) error {
	if err := b.faults(); err != nil {
		return err
	}
	if b.Retry == nil {
		return b.Send(ctx, ids)
	}
	_, err := b.Retry.Do(ctx, func(ctx context.Context) (struct{}, error) { return struct{}{}, b.Send(ctx, ids) })
	return err
}

// settle records the result of Send.
func (b *Batch[ID]) settle(ids []ID, err error) {
	b.sending = 0
	if err != nil {
		b.fail(len(ids), err)
		return
	}
	b.sent += int64(len(ids))
}

func (b *Batch[ID]) fail(n int, err error) {
	b.failed += int64(n)
	b.err = cmp.Or(b.err, err)
}

// Flush waits until all deliveries that are done by now are sent, without waiting for Delay. It
// returns the first error of Send for them, or the cause of ctx if that ends first; the sending
// continues then.
func (b *Batch[ID]) Flush(ctx context.Context) error { return b.rounds.waitAll(ctx, b) }

// Close sends all deliveries that are done, and ends the goroutine. If ctx ends first,
// the context of Send ends, and Close waits for Send to return.
//
// The error tells how many deliveries could not be acknowledged since the beginning,
// and why. The queue hands these out again. A delivery that is done after Close is not
// acknowledged, so call it after the run.
func (b *Batch[ID]) Close(ctx context.Context) error {
	err := b.rounds.close(ctx, b)
	b.mu.Lock()
	defer b.mu.Unlock()
	if left := len(b.ids); left > 0 {
		b.ids = nil
		b.fail(left, cmp.Or(err, ErrClosed))
	}
	if b.failed == 0 {
		return nil
	}
	return fmt.Errorf("ack: %s not acknowledged: %w", deliveries(b.failed), b.err)
}

func deliveries(n int64) string {
	if n == 1 {
		return "1 delivery is"
	}
	return fmt.Sprintf("%d deliveries are", n)
}

// Snapshot returns the state as of now.
func (b *Batch[ID]) Snapshot() BatchSnapshot {
	b.mu.Lock()
	defer b.mu.Unlock()
	return BatchSnapshot{Waiting: len(b.ids) + b.sending, Sent: b.sent, Failed: b.failed, Err: b.err}
}

package pgio

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/ack"
)

const (
	// settleDelay is how long a done row waits for others.
	settleDelay = 5 * time.Millisecond
	// grace is the time for a statement after the intake has stopped. An interrupted statement may
	// have taken rows, which then wait until their term ends.
	grace = 2 * time.Second
	// forgetEvery is how often old ids are removed.
	forgetEvery = time.Minute
	// lookEvery is how often a busy source asks for the lag.
	lookEvery = 2 * time.Second
)

// intake is a run of a [Source].
type intake struct {
	*Source
	wake      chan struct{} // a token while there may be rows
	freed     chan struct{} // a token while rows may have been settled
	forgot    time.Time     // time at which old ids were last removed
	looked    time.Time     // time of the last call of look
	unsettled atomic.Int64

	done   *ack.Batch[held]
	back   *ack.Batch[returned]
	leases *ack.Leases[token]

	tokens   []token // tokens of deliver, for reuse
	receipts []stages.Receipt
}

// room waits until the source may take rows, and returns their number. It returns 0 if ctx has
// ended.
func (r *intake) room(ctx context.Context) int {
	for ctx.Err() == nil {
		if n := r.queue.inFlight - int(r.unsettled.Load()); n > 0 {
			return min(n, r.queue.size)
		}
		select {
		case <-r.freed:
		case <-ctx.Done():
		}
	}
	return 0
}

// next takes up to n rows, and waits while the server is away. After a stop it returns no error.
func (r *intake) next(ctx context.Context, n int) (rows []Row, err error) {
	if n == 0 {
		return nil, nil
	}
	lost := false
	r.forget(ctx)
	err = persist(ctx, r.queue.ends, func(err error) {
		lost = true
		r.trouble(err)
	}, func(ctx context.Context) (err error) {
		ctx, end := linger(ctx, grace)
		defer end()
		rows, err = r.queue.claim(ctx, n)
		return err
	})
	if lost && err == nil {
		r.reconnected()
	}
	if ctx.Err() != nil {
		err = nil
	}
	return rows, err
}

// forget removes old ids at intervals.
func (r *intake) forget(ctx context.Context) {
	if time.Since(r.forgot) > forgetEvery {
		r.forgot = time.Now()
		_, _ = r.queue.pool.Exec(ctx, forgetSQL, r.queue.name) // tried again at the next interval
	}
}

// linger returns a context that ends d after ctx.
func linger(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	late, cancel := context.WithCancel(context.WithoutCancel(ctx))
	unhook := context.AfterFunc(ctx, func() {
		sleep(late, d, nil)
		cancel()
	})
	return late, func() { unhook(); cancel() }
}

// deliver sends rows into the flow. Rows that an aborted flow does not take go back.
func (r *intake) deliver(out emit, rows []Row) {
	r.unsettled.Add(int64(len(rows)))
	tokens, receipts, kept := r.tokens[:0], r.receipts[:0], rows[:0]
	for _, row := range rows {
		if r.queue.maxDeliveries > 0 && row.Deliveries > r.queue.maxDeliveries {
			r.settled(r.exhausted(row.token(), row.Deliveries-1))
			continue
		}
		tokens, kept = append(tokens, row.token()), append(kept, row)
	}
	for i, lease := range r.leases.HoldAll(context.Background(), tokens...) {
		receipts = append(receipts, stages.Receipt{
			Ack: func(err error) { r.done.Settle(lease, err) }, Context: lease,
			Deliveries: kept[i].Deliveries, ID: r.queue.id(kept[i]),
		})
	}
	for i := out(receipts, kept); i < len(kept); i++ {
		receipts[i].Ack(stages.ErrAborted)
	}
	clear(receipts)
	r.tokens, r.receipts = tokens, receipts
}

// exhausted makes a row a dead letter because it was delivered too often. If that fails, the row
// comes again after its term.
func (r *intake) exhausted(t token, deliveries int) int64 {
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	if err := r.queue.bury(ctx, fmt.Sprintf("pgio: delivered %s and not settled", times(deliveries)), t); err != nil {
		r.trouble(err)
	}
	return 1
}

func times(n int) string {
	if n == 1 {
		return "1 time"
	}
	return fmt.Sprintf("%d times", n)
}

// settled makes room for n rows.
func (r *intake) settled(n int64) {
	r.unsettled.Add(-n)
	select {
	case r.freed <- struct{}{}:
	default:
	}
}

// handBack is called with rows that are not done.
func (r *intake) handBack(h held, err error) {
	after, _ := stages.HandedBack(err)
	r.back.Settle(returned{h, after}, nil)
}

// remove deletes done rows. Their leases are renewed until then.
func (r *intake) remove(ctx context.Context, rows []held) error {
	tokens := make([]token, len(rows))
	for i, h := range rows {
		tokens[i] = h.ID()
	}
	err := persist(ctx, lasts, r.trouble, func(ctx context.Context) error { return r.queue.remove(ctx, tokens) })
	r.end(err, rows...)
	if r.queue.perKey {
		r.rouse() // the next rows of the same keys may be free
	}
	return err
}

func (r *intake) release(ctx context.Context, rows []returned) error {
	err := persist(ctx, lasts, r.trouble, func(ctx context.Context) error { return r.queue.release(ctx, rows) })
	for _, row := range rows {
		r.end(err, row.held)
	}
	r.rouse()
	return err
}

// end ends leases.
func (r *intake) end(err error, all ...held) {
	if err != nil {
		r.trouble(err)
	}
	for _, h := range all {
		h.End()
	}
	r.settled(int64(len(all)))
}

func (r *intake) renew(ctx context.Context, tokens []token) (lost []token, err error) {
	if lost, err = r.queue.renew(ctx, tokens); err != nil {
		r.trouble(err)
	}
	return lost, err
}

// idle waits for rows: for a notification, for the time at which the next row is due, or for the
// poll interval.
func (r *intake) idle(ctx context.Context) {
	wait := r.queue.poll
	if next, ok := r.look(ctx); ok {
		wait = min(wait, next)
	}
	sleep(ctx, wait, r.wake)
}

// count looks for the lag at intervals.
func (r *intake) count(ctx context.Context) {
	if time.Since(r.looked) >= lookEvery {
		r.look(ctx)
	}
}

// look counts the waiting rows, and returns when to claim next.
func (r *intake) look(ctx context.Context) (next time.Duration, ok bool) {
	r.looked = time.Now()
	lag, next, err := r.queue.look(ctx)
	if err != nil {
		return 0, false
	}
	r.note(lag)
	return max(next, 0) + time.Millisecond, true
}

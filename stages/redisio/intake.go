package redisio

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/ack"
)

const (
	// grace is the time for a command after the intake has stopped. An interrupted read may have
	// taken entries, which then wait until they have been idle for a term.
	grace = 2 * time.Second
	// dueEvery is how often a busy member asks for entries that are due.
	dueEvery = 100 * time.Millisecond
	// lagEvery is how often the source asks for the lag.
	lagEvery = 2 * time.Second
)

// intake is a run of a [Source].
type intake struct {
	*Source
	me        string
	reader    redis.UniversalClient
	freed     chan struct{} // a token while entries may have been settled
	unsettled atomic.Int64
	returns   atomic.Bool // entries were handed back

	looked time.Time     // time of the last call of claim
	swept  time.Time     // time at which the last sweep for entries of dead members began
	cursor string        // cursor of the sweep, "" if none is running
	due    time.Duration // time from looked to the next call of claim
	lagged time.Time

	done   *ack.Batch[held]
	back   *ack.Batch[returned]
	leases *ack.Leases[token]

	tokens   []token // tokens of deliver, for reuse
	receipts []stages.Receipt
}

// room waits until the source may take entries, and returns their number. It returns 0 if ctx has
// ended.
func (r *intake) room(ctx context.Context) int {
	for ctx.Err() == nil {
		if n := r.stream.inFlight - int(r.unsettled.Load()); n > 0 {
			return min(n, r.stream.size)
		}
		select {
		case <-r.freed:
		case <-ctx.Done():
		}
	}
	return 0
}

// next returns up to n entries, and waits some time for them. After a stop it returns no error.
func (r *intake) next(ctx context.Context, n int) (messages []redis.XMessage, err error) {
	if n == 0 {
		return nil, nil
	}
	err = r.call(ctx, func(ctx context.Context) (err error) {
		ctx, end := linger(ctx, grace)
		defer end()
		if messages, err = r.reclaim(ctx, n); len(messages) > 0 || err != nil {
			return err
		}
		r.look(ctx)
		messages, err = r.stream.read(ctx, r.reader, r.me, n, r.block())
		return err
	})
	return messages, err
}

// call calls f until it succeeds, or until [Ends] says that the error ends the run. If the group
// does not exist, call makes it again.
func (r *intake) call(ctx context.Context, f func(context.Context) error) error {
	lost := false
	err := persist(ctx, r.stream.ends, func(err error) {
		lost = true
		r.trouble(err)
		if noGroup(err) {
			_ = r.stream.open(ctx)
		}
	}, f)
	if lost && err == nil {
		r.reconnected()
	}
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// linger returns a context that ends d after ctx.
func linger(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	late, cancel := context.WithCancel(context.WithoutCancel(ctx))
	unhook := context.AfterFunc(ctx, func() {
		sleep(late, d)
		cancel()
	})
	return late, func() { unhook(); cancel() }
}

// reclaim takes entries that were handed back and are due, and entries of dead members. It asks the
// server at most once in dueEvery.
func (r *intake) reclaim(ctx context.Context, n int) ([]redis.XMessage, error) {
	now := time.Now()
	if now.Sub(r.looked) < r.due && !r.returns.Load() {
		return nil, nil
	}
	r.returns.Store(false)
	if r.cursor == "" && now.Sub(r.swept) >= r.stream.term/4 {
		r.cursor, r.swept = "0-0", now
	}
	c, err := r.stream.claim(ctx, r.me, n, r.cursor)
	if err != nil {
		return nil, err
	}
	r.looked, r.cursor, r.due = now, c.cursor, dueEvery
	if c.next >= 0 {
		r.due = min(max(c.next, time.Millisecond), dueEvery)
	}
	if len(c.messages) > 0 || c.cursor != "" {
		r.due = 0 // there may be more entries
	}
	return c.messages, nil
}

// block returns how long a read may wait in the server.
func (r *intake) block() time.Duration {
	block := min(r.stream.block, r.stream.term/4)
	if r.due < dueEvery || r.unsettled.Load() > 0 { // entries may be handed back meanwhile
		block = min(block, max(r.due, time.Millisecond))
	}
	return block
}

// look asks for the lag at intervals.
func (r *intake) look(ctx context.Context) {
	if time.Since(r.lagged) < lagEvery {
		return
	}
	r.lagged = time.Now()
	if lag, err := r.stream.lag(ctx); err == nil {
		r.note(lag)
	}
}

// deliver sends entries into the flow. Entries that an aborted flow does not take go back.
func (r *intake) deliver(out emit, messages []redis.XMessage) {
	r.unsettled.Add(int64(len(messages)))
	tokens, receipts, kept := r.tokens[:0], r.receipts[:0], messages[:0]
	for _, m := range messages {
		if r.stream.maxDeliveries > 0 && int(m.DeliveredCount) > r.stream.maxDeliveries {
			r.exhausted(tokenOf(m))
			continue
		}
		tokens, kept = append(tokens, tokenOf(m)), append(kept, m)
	}
	for i, lease := range r.leases.HoldAll(context.Background(), tokens...) {
		receipts = append(receipts, stages.Receipt{
			Ack: func(err error) { r.done.Settle(lease, err) }, Context: lease,
			Deliveries: int(kept[i].DeliveredCount), ID: r.stream.key + " " + kept[i].ID,
		})
	}
	for i := out(receipts, kept); i < len(kept); i++ {
		receipts[i].Ack(stages.ErrAborted)
	}
	clear(receipts)
	r.tokens, r.receipts = tokens, receipts
}

// exhausted makes an entry a dead letter because it was delivered too often. If that fails, the
// entry comes again when it has been idle for a term.
func (r *intake) exhausted(t token) {
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	reason := fmt.Sprintf("redisio: delivered %s and not settled", times(t.deliveries-1))
	if err := r.stream.bury(ctx, t, reason); err != nil {
		r.trouble(err)
	}
	r.settled(1)
}

func times(n int64) string {
	if n == 1 {
		return "1 time"
	}
	return fmt.Sprintf("%d times", n)
}

// settled makes room for n entries.
func (r *intake) settled(n int64) {
	r.unsettled.Add(-n)
	select {
	case r.freed <- struct{}{}:
	default:
	}
}

// handBack is called with entries that are not done.
func (r *intake) handBack(h held, err error) {
	after, _ := stages.HandedBack(err)
	r.back.Settle(returned{h, after}, nil)
}

// acknowledge settles done entries. Their leases are renewed until then.
func (r *intake) acknowledge(ctx context.Context, entries []held) error {
	tokens := make([]token, len(entries))
	for i, h := range entries {
		tokens[i] = h.ID()
	}
	err := persist(ctx, lasts, r.trouble, func(ctx context.Context) error { return r.stream.acknowledge(ctx, tokens) })
	r.end(err, entries...)
	return err
}

func (r *intake) release(ctx context.Context, entries []returned) error {
	err := persist(ctx, lasts, r.trouble, func(ctx context.Context) error {
		err := r.stream.release(ctx, r.me, entries)
		if err != nil && noGroup(err) {
			return nil // the entries are gone with the group
		}
		return err
	})
	for _, e := range entries {
		r.end(err, e.held)
	}
	r.returns.Store(true)
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
	if lost, err = r.stream.renew(ctx, r.me, tokens); err != nil {
		r.trouble(err)
	}
	return lost, err
}

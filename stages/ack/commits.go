package ack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/weir-go/weir/stages"
)

// DefaultWindow is how many positions of a partition may be open if [Commits.Window]
// is 0.
const DefaultWindow = 1024

// Commits commits the positions of a log, such as the offsets of Kafka partitions,
// whose items are done in any order. What it commits is the low watermark: the highest
// position at or before which all are done.
//
//	emitted:    1 2 3 4 5
//	done:             3   5 1   2     4
//	committed:              1   3     5
//
// A source emits by [Commits.Emit], and implements [stages.Finisher] and
// [stages.HealthReporter]:
//
//	func (s *Source) Finish(ctx context.Context) error { return s.commits.Close(ctx) }
//	func (s *Source) Health() stages.Health            { return s.commits.Health() }
//
// So the last commit is made before the run returns, and its error is part of the error of
// the run. Set the fields before the first use. The methods may be called from any
// goroutine. For one partition, a method that emits or begins is called from one at a time.
//
// # Rebalances
//
// When another consumer will get a partition, call [Commits.Drain] with a context that bounds the
// wait. Batches and windows then send on what they hold of the partition. When the other consumer
// has it already, call [Commits.Forget]. From then on Emit refuses the partition, so records that
// were read before do not come in. When the partition comes back, call [Commits.Claim].
//
// Each partition has a context, which its items carry. It ends with a cause that matches
// [stages.ErrHandedBack] and [ErrForgotten] when Drain gives up waiting, and at Forget. So
// the calls for items that are late end, and the items go back. Nothing of the partition is
// committed then. An item that was made of several, such as a batch, has no context: it
// goes on, and is not committed either.
//
// # Items that are handed back
//
// A log does not hand out one position again. So an item that is handed back is delivered again
// by Commits, after the delay that was asked for, with the number of its deliveries. Its position
// stays open, so nothing after it is committed. In a drain, and after Close, it is not delivered
// again: the next consumer gets it.
//
// # The window
//
// A position is open from Emit until it and all before it are done. A stage that holds
// items keeps their positions open. So Window must exceed the number of items of one
// partition that the stages below hold:
//   - A batch of n holds n.
//   - A window of event time holds all items until a later item closes it. These are
//     the items that come within its length and its lateness.
//   - With a key, the window of the quietest key holds the items of all other keys that
//     come before its next item.
//
// If Window is smaller, the source waits for the stage, and the stage waits for the
// source. Pause does not help. [Commits.Snapshot] shows this state: the partition is
// full, and its first position has been open for long. The flow's snapshot shows which
// stage holds the items: see StageReport.Inside in package flow. An open position takes
// about 100 bytes, so a large Window is cheap.
//
// A source that embeds its Commits is a [stages.Bounded], by [Commits.MaxUnsettled]. Then
// a flow with a batch that is larger than Window is not valid.
//
// # The goroutine
//
// Commit is called from a goroutine of its own, so a slow Commit does not hold up the flow. The
// next call commits what was done in the meantime: the last position of each partition. The
// goroutine ends when there is nothing to commit.
type Commits[K comparable, P any] struct {
	// Window is how many positions of a partition may be open: from the first that
	// is not done to the last that was begun. It is [DefaultWindow] if 0.
	Window int
	// Commit makes positions known to the log, one for each partition. Calls do not
	// overlap. The positions of a partition come in the order of Emit. An error halts
	// the partitions of the call. Flush and Close try them once more, unless a later
	// position has taken their place. The context ends when Close gives up.
	Commit func(ctx context.Context, upTo map[K]P) error
	// Every is the time between calls of Commit. If it is 0, Commit is called when
	// there is something to commit, and again as soon as it has returned.
	Every time.Duration
	// Pause and Resume are set together, or not at all. With them Emit does not wait
	// for room, so one slow partition does not hold up the poll for all. Pause is
	// called when the window of a partition is full: the consumer stops polling it.
	// What was polled already still goes in. Resume is called when half of the window
	// is free, and when a paused partition is given up.
	Pause, Resume func(partition K)

	mu        sync.Mutex
	parts     map[K]*partition[K, P]
	due       map[K]*partition[K, P] // for the next Commit
	lost      map[K]struct{}         // partitions that were given up, and not claimed again
	unsettled int64                  // positions in the flow, also of partitions that were given up
	err       error                  // the first error that stopped a partition
	at        time.Time              // time of err
	shut      bool
	rounds    rounds[map[*partition[K, P]]P]
	returned  redeliveries[K, P]
}

// Emit brings the values of a position into a flow, with their acknowledgement: the
// position is done when everything made from them has left the flow. The position must
// be the next one of its partition. Without values it is done at once.
//
// ctx bounds the wait for room. The values see what it holds, such as a trace, and not its
// end: they see that of the partition.
//
// If Emit returns an error, it has emitted nothing. It waits while the window of the
// partition is full, unless Pause is set, and returns
//   - the error of ctx, if ctx ends during the wait or the flow is aborted;
//   - [ErrForgotten], if the partition was given up, or is being drained. Its next
//     consumer gets the position. The source continues with other partitions;
//   - [ErrHalted], with the cause, if a position of the partition failed or could not
//     be committed. The position would be lost if the source went on;
//   - [ErrClosed].
//
// Emit has emitted each position before it begins the next one. So a poll that is
// larger than the window does not wait for itself.
func (c *Commits[K, P]) Emit[T any](ctx context.Context, out *stages.Outlet[T], partition K, position P, values ...T) error {
	return c.Deliver(ctx, out, partition, position, stages.Receipt{}, values...)
}

// Begin opens a position for a consumer without a flow, such as one that calls a
// server. It returns the function that says the position is done. An error given to
// done says that it is not, and halts the partition. Only the first call of done
// counts.
//
// Begin does not wait. It returns [ErrFull] if the window is full, and the errors of
// [Commits.Emit].
func (c *Commits[K, P]) Begin(partition K, at P) (done func(error), err error) {
	o := &position[P]{at: at}
	p, n, steers, _, err := c.begin(partition, 1, func(int) *position[P] { return o })
	switch {
	case err != nil:
		return nil, err
	case n == 0:
		return nil, fmt.Errorf("%w: %v", ErrFull, partition)
	}
	if steers {
		c.steer(p)
	}
	return func(err error) { c.finish(p, o, err) }, nil
}

// await opens the next of n positions as soon as there is room, and as many as there is room for.
func (c *Commits[K, P]) await(ctx context.Context, key K, n int, next func(i int) *position[P]) (p *partition[K, P], opened int, steers bool, err error) {
	for {
		p, opened, steers, changed, err := c.begin(key, n, next)
		if err != nil || opened > 0 {
			return p, opened, steers, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, 0, false, ctx.Err()
		}
		if err := c.givenUp(p); err != nil {
			return nil, 0, false, err // a position of an earlier time must not begin now
		}
	}
}

// givenUp returns an error if the partition was given up.
func (c *Commits[K, P]) givenUp(p *partition[K, P]) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return p.givenUp()
}

// begin opens up to n positions. It returns how many, and whether Pause or Resume is due. If there
// is no room it opens none, and returns a channel that is closed at the next change.
func (c *Commits[K, P]) begin(key K, n int, next func(i int) *position[P]) (p *partition[K, P], opened int, steers bool, changed <-chan struct{}, err error) {
	if err := c.faults(); err != nil {
		return nil, 0, false, nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.shut {
		return nil, 0, false, nil, ErrClosed
	}
	if _, lost := c.lost[key]; lost {
		return nil, 0, false, nil, forgotten(key)
	}
	p = c.part(key)
	if err := cmp.Or(p.givenUp(), p.halt); err != nil {
		return nil, 0, false, nil, err
	}
	if c.Pause == nil {
		if n = min(n, c.window()-len(p.open)); n <= 0 {
			return p, 0, false, p.wait(), nil
		}
	}
	now := time.Now()
	for i := range n {
		p.begin(next(i), now)
	}
	c.unsettled += int64(n)
	p.full = len(p.open) >= c.window()
	return p, n, p.full != p.paused, nil, nil
}

// faults returns what is wrong with the fields.
func (c *Commits[K, P]) faults() error {
	if c.Commit != nil && c.Window >= 0 && c.Every >= 0 && (c.Pause == nil) == (c.Resume == nil) {
		return nil
	}
	return errors.Join(
		needs(c.Commit == nil, "ack: Commit is nil"),
		needs(c.Window < 0, "ack: Window is negative"),
		needs(c.Every < 0, "ack: Every is negative"),
		needs((c.Pause == nil) != (c.Resume == nil), "ack: Pause and Resume are not both set"))
}

func needs(fault bool, what string) error {
	if fault {
		return errors.New(what)
	}
	return nil
}

func (c *Commits[K, P]) window() int { return cmp.Or(c.Window, DefaultWindow) }

// MaxUnsettled implements [stages.Bounded] for a source that embeds its Commits, or that
// calls it: no partition has more items in the flow than Window. A source that emits
// several values for a position has more, and returns 0 instead.
func (c *Commits[K, P]) MaxUnsettled() int { return c.window() }

// part returns the partition, and creates it if there is none.
func (c *Commits[K, P]) part(key K) *partition[K, P] {
	p := c.parts[key]
	if p == nil {
		p = newPartition[K, P](key)
		if c.parts == nil {
			c.parts, c.due = map[K]*partition[K, P]{}, map[K]*partition[K, P]{}
		}
		c.parts[key] = p
	}
	return p
}

// undo removes a position that was not emitted.
func (c *Commits[K, P]) undo(p *partition[K, P], o *position[P]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p.drop(o)
	c.unsettled--
	c.changed(p)
}

// finish records that a position is done, or has failed.
func (c *Commits[K, P]) finish(p *partition[K, P], o *position[P], err error) {
	c.mu.Lock()
	if o.heard {
		c.mu.Unlock()
		return
	}
	o.heard = true
	p.unheard--
	c.unsettled--
	if p.gone { // another consumer has it: nothing is committed
		c.mu.Unlock()
		return
	}
	if errors.Is(err, stages.ErrHandedBack) {
		p.returned = true // it is not done, but nothing has failed
	} else if err != nil {
		c.halt(p, fmt.Errorf("%w: %v at %v failed: %w", ErrHalted, p.key, o.at, err))
	} else if o.done = true; p.advance() {
		c.commit(p)
	}
	c.changed(p)
	steers := p.full != p.paused
	c.mu.Unlock()
	if steers {
		c.steer(p)
	}
}

// changed must be called after each change of a partition.
func (c *Commits[K, P]) changed(p *partition[K, P]) {
	p.full = p.full && len(p.open) > c.window()/2
	p.tell()
	if p.atRest() && c.parts[p.key] == p {
		delete(c.parts, p.key)
	}
}

func (c *Commits[K, P]) halt(p *partition[K, P], err error) {
	p.halt = cmp.Or(p.halt, err)
	if c.err == nil {
		c.err, c.at = err, time.Now()
	}
}

// steer calls Pause or Resume if the window has become full or has room.
//
// Ordering: only one goroutine at a time does this for a partition, until the user code knows the
// present state. Two goroutines could call in the wrong order: the first sees a full window, the
// second empties it and calls Resume, and then the first calls Pause.
func (c *Commits[K, P]) steer(p *partition[K, P]) {
	if c.Pause == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if p.steering {
		return
	}
	p.steering = true
	defer func() { p.steering = false; c.changed(p) }()
	for p.full != p.paused {
		p.paused = p.full
		c.tell(p)
	}
}

// tell calls user code. The caller must not hold the lock.
func (c *Commits[K, P]) tell(p *partition[K, P]) {
	hook := c.Resume
	if p.paused {
		hook = c.Pause
	}
	c.mu.Unlock()
	defer c.mu.Lock()
	hook(p.key)
}

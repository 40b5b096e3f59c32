package bulk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/stages"
)

// Batch is the values of a batch, and the results of its call.
type Batch interface {
	// Take adds the value of the item at hand.
	Take()
	// Value returns value i.
	Value(i int) any
	// Call calls the function with the values at the indices in live. It returns how many
	// results there are.
	Call(ctx context.Context, live []int) (results int, err error)
	// Send sends result i on for an item.
	Send(m *kernel.Meta, i int)
}

// Settings are the settings of a stage that calls for many items at once.
type Settings struct {
	Size    int
	Delay   time.Duration
	Options stages.Settings
}

// Validate returns what is wrong.
func (s Settings) Validate() error {
	var all []error
	if s.Size < 1 {
		all = append(all, fmt.Errorf("batch size must be at least 1, not %d", s.Size))
	}
	if s.Delay < 0 {
		all = append(all, errors.New("batch delay is negative"))
	}
	return errors.Join(append(all, s.Options.Validate())...)
}

// Holds returns how many items a call waits for. A delay can end the wait before.
func (s Settings) Holds() int {
	if s.Delay > 0 {
		return 1
	}
	return s.Size
}

// Run is the loop of the stage. blank makes an empty batch. It returns when the stream has
// ended and all calls have.
func Run(in *kernel.Inlet, s Settings, blank func() Batch) {
	r := &run{in: in, Settings: s, blank: blank, alarm: kernel.NewAlarm(in.Node().Run())}
	r.slots, r.before = make(chan struct{}, s.Options.Workers), make(chan struct{})
	close(r.before)
	defer r.alarm.End()
	defer r.calls.Wait()
	defer r.flush()
	for {
		m, ok, woken := r.alarm.Next(in)
		switch {
		case woken:
			if !r.alarm.Early() || r.holdsCalled() {
				r.alarm.Clear() // otherwise the alarm would cut the next batch short
				r.flush()
			}
		case !ok:
			return
		default:
			r.put(m)
		}
	}
}

// run is a running stage.
type run struct {
	Settings
	in     *kernel.Inlet
	blank  func() Batch
	alarm  *kernel.Alarm
	calls  sync.WaitGroup
	slots  chan struct{} // a token for each call
	before chan struct{} // closed when the last batch was sent
	held   *call         // the batch that is being filled; nil if it is empty
}

func (r *run) put(m kernel.Meta) {
	if r.held == nil {
		r.held = &call{in: r.in, Batch: r.blank()}
		due := int64(kernel.Never)
		if r.Delay > 0 {
			due = kernel.Plus(r.in.Node().Run().Now(), r.Delay)
		}
		r.alarm.Set(due)
	}
	r.held.items = append(r.held.items, m)
	r.held.Take()
	if len(r.held.items) == r.Size || r.in.Node().Called(&m) {
		r.alarm.Clear()
		r.flush()
	}
}

// holdsCalled reports whether the batch that is being filled has an item that must not be held
// back.
func (r *run) holdsCalled() bool {
	return r.held != nil && slices.ContainsFunc(r.held.items, func(m kernel.Meta) bool { return r.in.Node().Called(&m) })
}

// flush begins the call for the batch that is being filled. It blocks while all workers are busy.
func (r *run) flush() {
	c := r.held
	if c == nil {
		return
	}
	r.held = nil
	c.done = make(chan struct{})
	if !r.Options.Unordered {
		c.before = r.before
	}
	r.before = c.done
	r.slots <- struct{}{}
	r.calls.Go(func() {
		defer func() { <-r.slots }()
		c.run()
	})
}

package flowtest

import (
	"context"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/weir-go/weir/stages"
)

// patience is how long a probe waits for an item that must come. In a [Bubble] the wait takes no
// real time.
const patience = 10 * time.Second

// Probe is a sink that takes an item only when the test asks for it, so that the
// stages above feel backpressure. It also takes failed items. Its methods are for one
// goroutine, the test's; they fail and end the test if the stream is not as expected.
//
// At the end of the test, and when the run is aborted, it takes all that is left, so
// that the run can end.
type Probe[T any] struct {
	t     testing.TB
	asked bool          // an item was asked for and has not come
	ask   chan struct{} // a token when an item is asked for
	open  chan struct{} // closed when the probe takes all items
	once  sync.Once

	mu    sync.Mutex
	queue []arrival[T]
	news  chan struct{} // a token when the queue may have an arrival
}

// arrival is an item that has come, or the end of the stream.
type arrival[T any] struct {
	value T
	fault *stages.ItemError
	end   bool
}

// NewProbe returns a probe that has not asked for anything yet.
func NewProbe[T any](t testing.TB) *Probe[T] {
	p := &Probe[T]{t: t, ask: make(chan struct{}, 1), open: make(chan struct{}), news: make(chan struct{}, 1)}
	t.Cleanup(p.Open)
	return p
}

// Open makes the probe take all items from now on, without being asked. It keeps them
// for the methods that expect them.
func (p *Probe[T]) Open() { p.once.Do(func() { close(p.open) }) }

// TakesFailures implements [stages.FailureTaker].
func (p *Probe[T]) TakesFailures() bool { return true }

// Run implements [stages.Sink].
func (p *Probe[T]) Run(ctx context.Context, in *stages.Inlet[T]) error {
	for {
		select {
		case <-p.ask:
		case <-p.open:
		case <-ctx.Done():
		}
		it, ok := in.Next()
		if !ok {
			p.put(arrival[T]{end: true})
			return nil
		}
		fault, _ := it.Err().(*stages.ItemError)
		p.put(arrival[T]{value: it.Value, fault: fault})
		in.Done(it)
	}
}

func (p *Probe[T]) put(a arrival[T]) {
	p.mu.Lock()
	p.queue = append(p.queue, a)
	p.mu.Unlock()
	select {
	case p.news <- struct{}{}:
	default:
	}
}

// pop returns the next arrival. The end stays in the queue.
func (p *Probe[T]) pop() (arrival[T], bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.queue) == 0 {
		return arrival[T]{}, false
	}
	a := p.queue[0]
	if !a.end {
		p.queue = p.queue[1:]
	}
	return a, true
}

// wait asks for an item, and waits up to d for it or for the end.
func (p *Probe[T]) wait(d time.Duration) (arrival[T], bool) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		if a, ok := p.pop(); ok {
			p.asked = false
			return a, true
		}
		if !p.asked {
			p.asked = true
			p.ask <- struct{}{}
		}
		select {
		case <-p.news:
		case <-timer.C:
			return arrival[T]{}, false
		}
	}
}

// take is wait for an arrival that must come.
func (p *Probe[T]) take(what string) arrival[T] {
	p.t.Helper()
	a, ok := p.wait(patience)
	if !ok {
		p.t.Fatalf("flowtest: %s expected, and nothing came within %v", what, patience)
	}
	return a
}

// Next takes the next item, which must be a healthy one, and returns its value.
func (p *Probe[T]) Next() T {
	p.t.Helper()
	a := p.take("an item")
	switch {
	case a.end:
		p.t.Fatalf("flowtest: an item expected, and the stream has ended")
	case a.fault != nil:
		p.t.Fatalf("flowtest: a healthy item expected, and it has failed: %v", a.fault)
	}
	return a.value
}

// Expect takes as many items as there are values, which must be equal to them.
func (p *Probe[T]) Expect(values ...T) {
	p.t.Helper()
	for _, want := range values {
		if got := p.Next(); !reflect.DeepEqual(got, want) {
			p.t.Fatalf("flowtest: got %v, want %v", got, want)
		}
	}
}

// ExpectFailed takes the next item, which must be a failed one, and returns its
// failure.
func (p *Probe[T]) ExpectFailed() *stages.ItemError {
	p.t.Helper()
	a := p.take("a failed item")
	switch {
	case a.end:
		p.t.Fatalf("flowtest: a failed item expected, and the stream has ended")
	case a.fault == nil:
		p.t.Fatalf("flowtest: a failed item expected, and it is healthy: %v", a.value)
	}
	return a.fault
}

// ExpectNone asks for an item. Neither an item nor the end may come within d. The
// next method gets the item that was asked for.
func (p *Probe[T]) ExpectNone(d time.Duration) {
	p.t.Helper()
	a, ok := p.wait(d)
	switch {
	case !ok:
	case a.end:
		p.t.Fatalf("flowtest: nothing expected within %v, and the stream has ended", d)
	case a.fault != nil:
		p.t.Fatalf("flowtest: nothing expected within %v, and a failed item came: %v", d, a.fault)
	default:
		p.t.Fatalf("flowtest: nothing expected within %v, and an item came: %v", d, a.value)
	}
}

// ExpectEnd waits for the end of the stream, which must come next.
func (p *Probe[T]) ExpectEnd() {
	p.t.Helper()
	a := p.take("the end of the stream")
	switch {
	case a.fault != nil:
		p.t.Fatalf("flowtest: the end of the stream expected, and a failed item came: %v", a.fault)
	case !a.end:
		p.t.Fatalf("flowtest: the end of the stream expected, and an item came: %v", a.value)
	}
}

// Rest takes all that is left until the end of the stream, and returns the values
// and the failures, each in their order.
func (p *Probe[T]) Rest() (values []T, failed []*stages.ItemError) {
	p.t.Helper()
	for {
		switch a := p.take("an item or the end of the stream"); {
		case a.end:
			return values, failed
		case a.fault != nil:
			failed = append(failed, a.fault)
		default:
			values = append(values, a.value)
		}
	}
}

package live

import (
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/weir-go/weir/flow"
)

// kept is the number of samples in the timeline: five minutes.
const kept = 300

// shared is the number of snapshots over which the shares of time are taken.
const shared = 3

// averaged is the number of snapshots over which the mean time inside is taken.
const averaged = 11

// maxViewers is the largest number of viewers of a handler at a time.
const maxViewers = 256

var errCrowded = errors.New("too many viewers")

// pulse takes a snapshot of the run in each period. It makes a frame of this snapshot and the
// previous ones, and gives it to all viewers.
//
// Must not: wait for a viewer.
type pulse struct {
	run    *flow.Run
	period time.Duration

	mu      sync.Mutex
	recent  []flow.Status            // Guarded by: mu. The last snapshots, oldest first
	ages    []flow.Distribution      // Guarded by: mu. The ages at sinks so far, at those times; none without flow.Distributions
	drain   time.Time                // Guarded by: mu. When the run was first seen to drain
	history history                  // Guarded by: mu.
	latest  []byte                   // Guarded by: mu. The last frame, as an event
	viewers map[chan []byte]struct{} // Guarded by: mu.
	over    bool                     // Guarded by: mu. The run has ended, and latest is the last frame
}

// history is the content of the timeline, oldest first. The slices have the same length, at most
// kept. An unknown number is nil.
type history struct {
	At     []int64    `json:"at"` // Unix milliseconds
	In     []float64  `json:"in"` // items per second
	Out    []float64  `json:"out"`
	Inside []int64    `json:"inside"`
	Age    []*float64 `json:"age"` // seconds
	P50    []*float64 `json:"p50"` // of the age at sinks, in seconds
	P99    []*float64 `json:"p99"`
}

func newPulse(run *flow.Run, period time.Duration) *pulse {
	return &pulse{run: run, period: period, viewers: map[chan []byte]struct{}{}, recent: []flow.Status{run.Status()}}
}

// work takes snapshots until the run has ended.
//
// Owner: the run.
func (p *pulse) work(done <-chan struct{}) {
	tick := time.NewTicker(p.period)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			p.beat()
		case <-done:
			p.last()
			return
		}
	}
}

// beat takes a snapshot and sends its frame to all viewers.
func (p *pulse) beat() {
	now, ages := p.run.Status(), p.run.Ages()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.step(now, ages)
	for viewer := range p.viewers {
		replace(viewer, p.latest)
	}
}

// last sends the frame of a run that has ended, and closes the channels of the viewers.
func (p *pulse) last() {
	p.beat()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
	for viewer := range p.viewers {
		close(viewer)
	}
	clear(p.viewers)
}

// step makes the frame of a snapshot, and of the ages at sinks if the run keeps them. The caller
// holds mu.
func (p *pulse) step(now flow.Status, ages *flow.Distribution) {
	n := len(p.recent)
	f := frameOf(p.recent[max(0, n-shared)], p.recent[n-1], now)
	if p.recent = append(p.recent, now); len(p.recent) > averaged {
		p.recent = p.recent[1:]
	}
	f.Age = age(p.recent)
	f.P50, f.P99 = p.percentiles(ages)
	if now.State != flow.Running && p.drain.IsZero() {
		p.drain = now.Taken
	}
	if !p.drain.IsZero() {
		f.Draining = now.Taken.Sub(p.drain).Seconds()
	}
	p.history.add(f)
	p.latest = event("frame", f)
}

// replace puts a frame into a viewer's channel, in place of a frame that the viewer has not taken.
// It does not block: the caller holds mu, so it is the only sender.
func replace(viewer chan []byte, frame []byte) {
	select {
	case <-viewer:
	default:
	}
	viewer <- frame
}

// join adds a viewer. It returns the viewer's channel, which is closed if the run has ended. It
// also returns the history and the latest frame.
func (p *pulse) join() (viewer chan []byte, past history, latest []byte, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.viewers) >= maxViewers {
		return nil, history{}, nil, errCrowded
	}
	viewer = make(chan []byte, 1)
	if p.over {
		close(viewer)
	} else {
		p.viewers[viewer] = struct{}{}
	}
	if p.latest == nil {
		p.latest = event("frame", frameOf(p.recent[0], p.recent[0], p.recent[0]))
	}
	return viewer, p.history.clone(), p.latest, nil
}

// leave removes a viewer.
func (p *pulse) leave(viewer chan []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.viewers, viewer)
}

// event returns a server-sent event.
func event(kind string, v any) []byte {
	data, err := json.Marshal(v)
	if err != nil { // JSON cannot represent some numbers, but frames have none of them
		kind, data = "fault", []byte(`"`+kind+`"`)
	}
	out := make([]byte, 0, len(kind)+len(data)+16)
	out = append(append(out, "event: "...), kind...)
	out = append(append(out, "\ndata: "...), data...)
	return append(out, "\n\n"...)
}

func (h *history) add(f frame) {
	h.At, h.In, h.Out = bound(append(h.At, f.At)), bound(append(h.In, f.In)), bound(append(h.Out, f.Out))
	h.Inside, h.Age = bound(append(h.Inside, f.Inside)), bound(append(h.Age, f.Age))
	h.P50, h.P99 = bound(append(h.P50, f.P50)), bound(append(h.P99, f.P99))
}

// bound drops the oldest elements if there are too many.
func bound[T any](s []T) []T { return s[max(0, len(s)-kept):] }

func (h *history) clone() history {
	return history{
		At: append([]int64{}, h.At...), In: append([]float64{}, h.In...), Out: append([]float64{}, h.Out...),
		Inside: append([]int64{}, h.Inside...), Age: append([]*float64{}, h.Age...),
		P50: append([]*float64{}, h.P50...), P99: append([]*float64{}, h.P99...),
	}
}

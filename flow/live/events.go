package live

import (
	"net/http"
	"slices"
	"time"

	"github.com/weir-go/weir/flow"
)

// patience is how long a viewer may take to receive a frame.
const patience = 10 * time.Second

// hello is the first event for a viewer: it has everything that does not change in a run.
type hello struct {
	Run      string      `json:"run"` // differs between runs, so that a page notices a new one
	Title    string      `json:"title"`
	Started  int64       `json:"started"` // Unix milliseconds
	Nodes    []nodeHello `json:"nodes"`
	Edges    [][2]int    `json:"edges"` // from and to, by place
	Controls bool        `json:"controls"`
	Guards   []string    `json:"guards"` // whose capacity can be set
	Letters  bool        `json:"letters"`
	Replay   bool        `json:"replay"`
	Aged     bool        `json:"aged"` // the run keeps the ages at its sinks
	History  history     `json:"history"`
}

type nodeHello struct {
	Name     string `json:"name"`
	Kind     string `json:"kind"`
	Detail   string `json:"detail"`
	Function string `json:"function"`
}

func (p *page) hello(past history) hello {
	s := p.run.Status()
	h := hello{
		Run: p.pulse.id(s), Title: p.title, Started: s.Started.UnixMilli(), Controls: p.controls, Guards: []string{},
		Letters: p.letters != nil, Replay: p.letters != nil && p.letters.replays(), Aged: p.run.Ages() != nil, History: past,
		Edges: [][2]int{},
	}
	at := map[string]int{}
	for i, n := range s.Stages {
		at[n.Name] = i
		h.Nodes = append(h.Nodes, nodeHello{Name: n.Name, Kind: n.Kind, Detail: n.Detail, Function: n.Function})
	}
	for _, e := range s.Edges {
		h.Edges = append(h.Edges, [2]int{at[e.From], at[e.To]})
	}
	for name := range p.guards {
		h.Guards = append(h.Guards, name)
	}
	slices.Sort(h.Guards)
	return h
}

// id distinguishes the runs of a process.
func (p *pulse) id(s flow.Status) string { return s.Flow + s.Started.Format(time.RFC3339Nano) }

// events sends the frames of the run to a viewer, until the viewer goes or the run has ended. A
// slow viewer misses frames.
func (p *page) events(w http.ResponseWriter, r *http.Request) {
	if !reads(w, r) {
		return
	}
	viewer, past, latest, err := p.pulse.join()
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	defer p.pulse.leave(viewer)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no") // a proxy must not collect frames
	send := sender(w)
	if r.Method == http.MethodHead || !send(event("hello", p.hello(past))) || !send(latest) {
		return
	}
	for {
		select {
		case frame, more := <-viewer:
			if !more {
				send(event("over", struct{}{}))
				return
			}
			if !send(frame) {
				return
			}
		case <-r.Context().Done():
			return
		}
	}
}

// sender returns a function that sends bytes at once, and returns false if the viewer has gone
// or does not take them in time.
func sender(w http.ResponseWriter) func([]byte) bool {
	c := http.NewResponseController(w)
	return func(b []byte) bool {
		_ = c.SetWriteDeadline(time.Now().Add(patience)) // not every writer has deadlines
		if _, err := w.Write(b); err != nil {
			return false
		}
		return c.Flush() == nil
	}
}

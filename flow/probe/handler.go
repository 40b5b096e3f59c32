// Package probe shows a run to probes and tools by HTTP. It is not part of package flow, so that
// a program that serves nothing does not contain net/http.
package probe

import (
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/weir-go/weir/flow"
)

// HandlerOption sets how a [Handler] answers.
type HandlerOption func(*handler)

// StallAfter sets how long calls may take, while no item of the run moves, before /livez fails.
// It should be longer than the longest call. The default is 5 minutes. With 0 or less, /livez
// does not fail for that reason.
func StallAfter(d time.Duration) HandlerOption { return func(h *handler) { h.stall = d } }

// Handler returns a handler that shows the run to probes and tools. It opens no port. Mount it on
// your server, under any prefix, with [http.StripPrefix]:
//
//	mux.Handle("/flow/", http.StripPrefix("/flow", probe.Handler(run)))
//
// It answers GET and HEAD:
//
//   - /livez: 200 while the run makes progress or has nothing to do. 503 if the run has ended
//     with an error, or if it is stuck: a function is being called and no item has moved for
//     [StallAfter]. The number of waiting items does not count.
//   - /readyz: 200 while the run takes items in. 503 from the first signal, [flow.Run.Stop] or
//     abort on, so while the run drains and after its end.
//   - /snapshot.json: the [flow.Status].
//   - /graph.mmd and /graph.dot: [flow.Run.Mermaid] and [flow.Run.DOT].
//
// The texts name stages, functions and the error of the run, but no items. Still, mount the
// handler where only operators of the process can reach it. A request costs some microseconds,
// and the items nothing. The handler may be used before the run starts and after it has ended.
// [flow.OnStart] gets the run in time.
func Handler(r *flow.Run, opts ...HandlerOption) http.Handler {
	h := &handler{run: r, stall: 5 * time.Minute}
	for _, o := range opts {
		o(h)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", h.livez)
	mux.HandleFunc("GET /readyz", h.readyz)
	mux.HandleFunc("GET /snapshot.json", h.snapshot)
	mux.HandleFunc("GET /graph.mmd", h.text("text/vnd.mermaid", r.Mermaid))
	mux.HandleFunc("GET /graph.dot", h.text("text/vnd.graphviz", r.DOT))
	return mux
}

type handler struct {
	run   *flow.Run
	stall time.Duration
	watch progress
}

func (h *handler) livez(w http.ResponseWriter, _ *http.Request) {
	switch state := h.run.State(); {
	case state == flow.Ended && failed(h.run):
		h.say(w, http.StatusServiceUnavailable, "ended with an error")
	case h.watch.stuck(h.run, time.Now(), h.stall):
		h.say(w, http.StatusServiceUnavailable, "stuck")
	default:
		h.say(w, http.StatusOK, string(state))
	}
}

func (h *handler) readyz(w http.ResponseWriter, _ *http.Request) {
	state := h.run.State()
	if state != flow.Running {
		h.say(w, http.StatusServiceUnavailable, string(state))
		return
	}
	h.say(w, http.StatusOK, "ready")
}

func (h *handler) snapshot(w http.ResponseWriter, _ *http.Request) {
	body, err := json.Marshal(h.run.Status())
	if err != nil { // JSON cannot represent some times and numbers, but none of them occurs
		h.say(w, http.StatusInternalServerError, err.Error())
		return
	}
	h.send(w, http.StatusOK, "application/json", append(body, '\n'))
}

func (h *handler) text(kind string, picture func() string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		h.send(w, http.StatusOK, kind+"; charset=utf-8", []byte(picture()))
	}
}

func (h *handler) say(w http.ResponseWriter, status int, text string) {
	h.send(w, status, "text/plain; charset=utf-8", []byte(text+"\n"))
}

func (h *handler) send(w http.ResponseWriter, status int, kind string, body []byte) {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that has gone needs no answer
}

// failed reports whether a run that has ended has failed.
func failed(r *flow.Run) bool {
	_, err := r.Wait()
	return err != nil
}

// progress finds out whether a run makes progress between two looks.
type progress struct {
	mu    sync.Mutex
	sum   int64     // Guarded by: mu. See [flow.Run.Progress]
	since time.Time // Guarded by: mu. Time at which the sum was first seen; zero before the first look
}

// stuck reports whether functions are being called but the run has made no progress for d.
func (p *progress) stuck(r *flow.Run, now time.Time, d time.Duration) bool {
	sum, calls := r.Progress()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.since.IsZero() || sum != p.sum || calls == 0 {
		p.sum, p.since = sum, now
		return false
	}
	return d > 0 && now.Sub(p.since) > d
}

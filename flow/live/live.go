package live

import (
	"crypto/rand"
	"errors"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/flow/probe"
	"github.com/weir-go/weir/primitives/guard"
)

// Option sets what the page shows, and what viewers can change.
type Option func(*page)

// Title sets the title of the page. The default is the name of the run; see [flow.Named].
func Title(title string) Option { return func(p *page) { p.title = title } }

// Controls lets viewers pause sources, set the number of workers, and set the capacity of the
// guards. Without it the page only shows. A guard is found on the page by its name; a guard
// without a name cannot be set.
func Controls(guards ...*guard.Guard) Option {
	return func(p *page) {
		p.controls = true
		for _, g := range guards {
			if name := g.Snapshot().Name; name != "" {
				p.guards[name] = g
			}
		}
	}
}

// Handler returns a handler that shows the run. Mount it under any prefix that ends in a
// slash, with or without [http.StripPrefix]:
//
//	mux.Handle("/ops/live/", live.Handler(run))
//
// It answers the page and what belongs to it, and snapshot.json, graph.mmd and graph.dot as
// [probe.Handler] does. It may be made before the run starts ([flow.OnStart]), while it works,
// and after its end. It has a goroutine until the run has ended; [flow.Run.Wait] waits for it.
func Handler(run *flow.Run, opts ...Option) http.Handler {
	p := &page{
		run: run, title: run.Name(), token: rand.Text(), guards: map[string]*guard.Guard{},
		pulse: newPulse(run, time.Second),
	}
	for _, o := range opts {
		o(p)
	}
	p.status = probe.Handler(run)
	p.files = files()
	p.routes = map[string]http.HandlerFunc{
		"":               p.index,
		"events":         p.events,
		"letters.json":   p.listLetters,
		"control":        p.post(p.control),
		"letters/replay": p.post(p.replayLetters),
	}
	if !run.Watch(p.pulse.work) {
		p.pulse.last()
	}
	return p
}

// page is the handler.
type page struct {
	run      *flow.Run
	title    string
	token    string // a request that changes something must have it
	controls bool
	guards   map[string]*guard.Guard // by name
	letters  box                     // nil if the page has none
	pulse    *pulse
	status   http.Handler
	files    map[string]file
	routes   map[string]http.HandlerFunc
	origin   http.CrossOriginProtection
}

// ServeHTTP implements http.Handler. The last one or two elements of the path select the content.
// So the prefix may be anything.
func (p *page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	secure(w.Header())
	if r.URL.Path == "" {
		p.addSlash(w, r)
		return
	}
	dir, name := path.Split(r.URL.Path)
	if long := path.Base(dir) + "/" + name; p.routes[long] != nil || p.files[long].body != nil {
		name = long
	}
	switch name {
	case "snapshot.json", "graph.mmd", "graph.dot":
		p.status.ServeHTTP(w, below(r, name))
		return
	}
	if f, ok := p.files[name]; ok {
		f.serve(w, r)
		return
	}
	if route := p.routes[name]; route != nil {
		route(w, r)
		return
	}
	http.NotFound(w, r)
}

// below returns the request with name as its whole path.
func below(r *http.Request, name string) *http.Request {
	inner := r.Clone(r.Context())
	inner.URL.Path, inner.URL.RawPath = "/"+name, ""
	return inner
}

// addSlash redirects a browser that came without the last slash: the links of the page are
// relative.
func (p *page) addSlash(w http.ResponseWriter, r *http.Request) {
	asked, _, _ := strings.Cut(r.RequestURI, "?")
	w.Header().Set("Location", path.Base(asked)+"/") // relative, so that a proxy's prefix stays
	w.WriteHeader(http.StatusTemporaryRedirect)
}

// secure lets a browser load code, styles and data only from this handler.
func secure(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
}

var errNotHere = errors.New("the page has no dead letters")

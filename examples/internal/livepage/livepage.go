package livepage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/flow/live"
)

// Usage is the text of the flag.
const Usage = "`host:port` at which to serve a page that shows the run; without a host it is localhost, and viewers can also control the run"

// Page is the server of a run's page. The zero value serves none.
type Page struct {
	server  *http.Server
	over    chan error
	steer   bool
	handler atomic.Pointer[http.Handler]
}

// Open listens at addr, and says so in a line. If addr is empty, there is no page. A Page must
// be closed.
func Open(addr string, stderr io.Writer) (*Page, error) {
	p := &Page{}
	if addr == "" {
		return p, nil
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("-live: %w", err)
	}
	if host == "" {
		host = "localhost"
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, fmt.Errorf("-live: %w", err)
	}
	at, ok := listener.Addr().(*net.TCPAddr)
	p.steer = ok && at.IP.IsLoopback()
	p.server = &http.Server{Handler: p, ReadHeaderTimeout: 5 * time.Second}
	p.over = make(chan error, 1)
	go func() { p.over <- p.server.Serve(listener) }()
	fmt.Fprintf(stderr, "http://%s/ shows the run\n", listener.Addr())
	return p, nil
}

// ServeHTTP implements http.Handler.
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := p.handler.Load()
	if h == nil {
		http.Error(w, "the run has not begun", http.StatusServiceUnavailable)
		return
	}
	(*h).ServeHTTP(w, r)
}

// Show returns the option that shows a run on the page.
func (p *Page) Show(opts ...live.Option) flow.RunOption {
	return flow.OnStart(func(run *flow.Run) {
		if p.server == nil {
			return
		}
		if p.steer {
			opts = append(opts, live.Controls())
		}
		h := live.Handler(run, opts...)
		p.handler.Store(&h)
	})
}

// Close ends the server. Viewers get the last figures of a run that has ended.
func (p *Page) Close() error {
	if p.server == nil {
		return nil
	}
	grace, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	err := p.server.Shutdown(grace)
	if err != nil {
		err = p.server.Close()
	}
	if served := <-p.over; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

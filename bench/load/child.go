package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/weir-go/weir/bench/load/internal/measure"
	"github.com/weir-go/weir/bench/load/internal/report"
	"github.com/weir-go/weir/bench/load/internal/service"
)

// roles are what this program does where it was started by itself. A child is
// told what to do on its standard input, and to end by the end of that; so it
// ends also where its parent is killed.
var roles = map[string]func(stdin io.Reader, stdout, stderr io.Writer) int{
	"service": serve,
	"client":  client,
}

// ignoreSignals leaves them to the parent: Ctrl-C reaches the whole group, and
// what has been measured until then is still wanted.
func ignoreSignals() { signal.Ignore(os.Interrupt, syscall.SIGTERM) }

// order is what a client is told.
type order struct {
	Impl     string
	URL      string
	Settings settings
	Rate     float64 // arrivals a second
	Duration time.Duration
	Outage   measure.Outage
	Seed     uint64
	Soak     bool
}

// said is what a client answers.
type said struct {
	Figures measure.Figures
	Process report.Process
}

// child is a process of this program in one of its roles.
type child struct {
	role string
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Reader
}

// start starts a child and tells it its first word.
func start(role string, word any, stderr io.Writer) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &child{role: role, cmd: exec.Command(self, role)}
	c.cmd.Stderr = stderr
	c.in, err = c.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.out = bufio.NewReader(out)
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	if err := json.NewEncoder(c.in).Encode(word); err != nil {
		return nil, errors.Join(err, c.end())
	}
	return c, nil
}

// end ends the child and waits for it.
func (c *child) end() error {
	c.in.Close() // it has ended by itself where this fails
	if err := c.cmd.Wait(); err != nil {
		return fmt.Errorf("load %s: %w", c.role, err)
	}
	return nil
}

// serving is a service that runs.
type serving struct {
	*child
	url string
}

func startService(m service.Manners, stderr io.Writer) (*serving, error) {
	c, err := start("service", m, stderr)
	if err != nil {
		return nil, err
	}
	address, err := c.out.ReadString('\n')
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the service did not start: %w", err), c.end())
	}
	return &serving{child: c, url: "http://" + strings.TrimSpace(address)}, nil
}

// counts asks the service what it has done.
func (s *serving) counts() (service.Counts, error) {
	var counts service.Counts
	defer http.DefaultClient.CloseIdleConnections()
	response, err := http.Get(s.url + "/counts")
	if err != nil {
		return counts, err
	}
	defer response.Body.Close()
	return counts, json.NewDecoder(response.Body).Decode(&counts)
}

// runClient returns what the client measured. The end of ctx has it stop sending
// and answer with what there is.
func runClient(ctx context.Context, o order, stderr io.Writer) (said, error) {
	var s said
	c, err := start("client", o, stderr)
	if err != nil {
		return s, err
	}
	stop := context.AfterFunc(ctx, func() { c.in.Close() })
	defer stop()
	read := json.NewDecoder(c.out).Decode(&s)
	// How the child ended tells more than that it fell silent.
	if err := c.end(); err != nil {
		return s, err
	}
	return s, read
}

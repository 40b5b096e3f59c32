package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/weir-go/weir/flow"
)

// crew is the worker processes of a run.
type crew struct {
	hands  []*hand
	failed chan error // of workers that ended without being told to, and of the part above
}

// hand is a worker process.
type hand struct {
	name   string
	cmd    *exec.Cmd
	exited chan struct{} // closed when err is set
	err    error

	mu  sync.Mutex
	end string // what it was told, "" if nothing
}

// hire starts n copies of this program as workers, and returns when all of them run.
func hire(ctx context.Context, s *site, n, calls int, stderr io.Writer) (*crew, error) {
	c := &crew{failed: make(chan error, n+1)}
	self, err := os.Executable()
	if err != nil {
		return c, err
	}
	for i := range n {
		h := &hand{name: "worker-" + strconv.Itoa(i+1), exited: make(chan struct{})}
		h.cmd = exec.Command(self, "-join", s.server.ClientURL(), "-model-at", s.base, "-name", h.name, "-calls", strconv.Itoa(calls))
		h.cmd.Env = append(os.Environ(), flow.PartsVariable+"="+askPart)
		h.cmd.Stderr = stderr
		if err := h.cmd.Start(); err != nil {
			return c, err
		}
		c.hands = append(c.hands, h)
		go h.wait(c.failed)
	}
	return c, c.ready(ctx, s.board)
}

// wait waits for the end of the process.
func (h *hand) wait(failed chan<- error) {
	h.err = h.cmd.Wait()
	h.mu.Lock()
	told := h.end
	h.mu.Unlock()
	if told == "" {
		failed <- fmt.Errorf("%s ended on its own: %v", h.name, h.cmd.ProcessState)
	}
	close(h.exited)
}

func (c *crew) ready(ctx context.Context, b *board) error {
	late := time.NewTimer(patience)
	defer late.Stop()
	for range c.hands {
		select {
		case <-b.ready:
		case err := <-c.failed:
			return early(ctx, err)
		case <-late.C:
			return fmt.Errorf("the workers do not run after %v", patience)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// tell sends a signal to a worker, and notes what it stands for.
func (h *hand) tell(s os.Signal, end string) error {
	h.mu.Lock()
	h.end = end
	h.mu.Unlock()
	return h.cmd.Process.Signal(s)
}

// kill kills the last worker with kill -9, and waits until it is gone.
func (c *crew) kill() error {
	h := c.hands[len(c.hands)-1]
	err := h.tell(os.Kill, "kill -9")
	<-h.exited
	return err
}

// dismiss has the workers drain, and waits for their end.
func (c *crew) dismiss() (err error) {
	for _, h := range c.hands {
		if !h.gone() {
			err = errors.Join(err, h.tell(syscall.SIGTERM, "drained"))
		}
	}
	for _, h := range c.hands {
		<-h.exited
		if h.end == "drained" && h.err != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", h.name, h.err))
		}
	}
	return err
}

// gone reports whether the process has ended.
func (h *hand) gone() bool {
	select {
	case <-h.exited:
		return true
	default:
		return false
	}
}

package queuetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
)

// process is a member in a process of its own.
type process struct {
	member string
	cmd    *exec.Cmd
	stdin  io.Closer
	output *bytes.Buffer
	done   chan struct{}
	err    error
}

// spawn starts a worker process on the queue.
func (tr *trial[M]) spawn() *process {
	tr.Helper()
	tr.skipUnless(runtime.GOOS != "windows", "there are no signals")
	if tr.journal.file == nil {
		file, err := os.Create(filepath.Join(tr.TempDir(), "journal"))
		tr.fine(err, "create the journal")
		tr.journal.file = file
		tr.ends = append(tr.ends, func() { _ = file.Close() })
	}
	tr.named++
	p := &process{member: fmt.Sprint(tr.named), output: &bytes.Buffer{}, done: make(chan struct{})}
	told, err := json.Marshal(orders{tr.queue, p.member, tr.journal.file.Name(), tr.b.Features.Order, tr.b.Patience})
	tr.fine(err, "tell a worker")
	self, err := os.Executable()
	tr.fine(err, "find the test binary")
	p.cmd = exec.Command(self, "-test.run=^$")
	p.cmd.Env = append(os.Environ(), variable+"="+string(told))
	p.cmd.Stdout, p.cmd.Stderr = p.output, p.output
	p.stdin, err = p.cmd.StdinPipe()
	tr.fine(err, "start a worker")
	tr.fine(p.cmd.Start(), "start a worker")
	go func() { p.err = p.cmd.Wait(); close(p.done) }()
	tr.ends = append(tr.ends, p.kill)
	return p
}

// kill ends the process as kill -9 does.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

// terminate sends SIGTERM to processes at the same time, and waits for them to end without an error.
func (tr *trial[M]) terminate(ps ...*process) {
	tr.Helper()
	for _, p := range ps { // one that does not run its flow yet would die of the signal
		tr.while(p, "has started", func() bool { return tr.journal.knows(p.member) })
	}
	for _, p := range ps {
		tr.fine(p.cmd.Process.Signal(syscall.SIGTERM), "signal worker "+p.member)
	}
	for _, p := range ps {
		tr.until("worker "+p.member+" ends", func() bool { return closed(p.done) })
		tr.need(p.err == nil, "worker %s has ended with %v:\n%s", p.member, p.err, p.output)
	}
}

// busy waits until the process has done n messages.
func (tr *trial[M]) busy(p *process, n int) {
	tr.Helper()
	tr.while(p, fmt.Sprintf("has done %d messages", n), func() bool { return tr.journal.by(p.member) >= n })
}

// while waits until ok returns true. The process must not end before.
func (tr *trial[M]) while(p *process, what string, ok func() bool) {
	tr.Helper()
	tr.until("worker "+p.member+" "+what, func() bool {
		tr.need(!closed(p.done), "worker %s has ended with %v (does TestMain call queuetest.Main?):\n%s", p.member, p.err, p.output)
		return ok()
	})
}

func closed(ch <-chan struct{}) bool {
	select {
	case <-ch:
		return true
	default:
		return false
	}
}

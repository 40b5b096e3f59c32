package redisio_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

// needServers is a variable that makes a skipped test a failure.
const needServers = "WEIR_NEED_SERVERS"

// address is a variable with the address of the server, for worker processes.
const address = "WEIR_REDISIO_ADDR"

// server is a Redis server of the tests' own, which keeps its data in a log.
type server struct {
	bin, dir, addr string
	args           []string
	log            bytes.Buffer

	cmd  *exec.Cmd
	done chan struct{}
}

// shared is the server that most tests use.
var shared struct {
	once sync.Once
	*server
	err error
}

var errNotInstalled = errors.New("redis-server is not installed (apt-get install redis-server)")

// connect returns a client of the shared server, or skips the test. The server is empty again after the
// test, so that it can run several times.
func connect(t testing.TB) *redis.Client {
	t.Helper()
	shared.once.Do(func() { shared.server, shared.err = newServer() })
	if errors.Is(shared.err, errNotInstalled) && os.Getenv(needServers) == "" {
		t.Skip(shared.err)
	}
	require.NoError(t, shared.err)
	c := redis.NewClient(&redis.Options{Addr: shared.addr})
	t.Cleanup(func() {
		_ = c.FlushAll(context.Background()).Err()
		_ = c.Close()
	})
	return c
}

func newServer(args ...string) (*server, error) {
	bin, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, errNotInstalled
	}
	dir, err := os.MkdirTemp("", "redisio")
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &server{bin: bin, dir: dir, addr: l.Addr().String(), args: args}
	_ = l.Close()
	if err := s.start(); err != nil {
		s.remove()
		return nil, err
	}
	return s, os.Setenv(address, s.addr)
}

// start starts the server, and waits until it answers.
func (s *server) start() error {
	_, port, _ := net.SplitHostPort(s.addr)
	s.cmd = exec.Command(s.bin, append([]string{"--bind", "127.0.0.1", "--port", port, "--dir", s.dir, "--save", "", "--appendonly", "yes", "--appendfsync", "no"}, s.args...)...)
	s.cmd.Stdout = &s.log
	if err := s.cmd.Start(); err != nil {
		return err
	}
	s.done = make(chan struct{})
	go func(cmd *exec.Cmd, done chan struct{}) { _ = cmd.Wait(); close(done) }(s.cmd, s.done)
	c := redis.NewClient(&redis.Options{Addr: s.addr, MaxRetries: -1, DialerRetries: 1})
	defer func() { _ = c.Close() }()
	var err error
	for by := time.Now().Add(30 * time.Second); time.Now().Before(by); time.Sleep(20 * time.Millisecond) {
		if err = c.Ping(context.Background()).Err(); err == nil {
			return nil
		}
	}
	return fmt.Errorf("redis-server does not start: %w: %s", err, s.log.Bytes())
}

// kill ends the server as kill -9 does.
func (s *server) kill() {
	_ = s.cmd.Process.Kill()
	<-s.done
}

func (s *server) remove() {
	if s == nil {
		return
	}
	s.kill()
	_ = os.RemoveAll(s.dir)
}

package pgio_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/stages/pgio"
)

// needServers is a variable that makes a skipped test a failure.
const needServers = "WEIR_NEED_SERVERS"

// address is a variable with the address of the server, for worker processes.
const address = "WEIR_PGIO_URL"

// server is a PostgreSQL server of the tests' own. Data are not synced to the disk: processes are
// killed, the machine is not.
type server struct {
	bin, dir, url string
	port          int
	attr          *syscall.SysProcAttr
	log           bytes.Buffer

	cmd  *exec.Cmd
	done chan struct{}
}

// shared is the server that most tests use.
var shared struct {
	once sync.Once
	*server
	err error
}

// connect returns a pool on the shared server, or skips the test.
func connect(t testing.TB) *pgxpool.Pool {
	t.Helper()
	shared.once.Do(func() { shared.server, shared.err = newServer() })
	if errors.Is(shared.err, errNotInstalled) && os.Getenv(needServers) == "" {
		t.Skip(shared.err)
	}
	require.NoError(t, shared.err)
	pool, err := pgxpool.New(context.Background(), shared.url)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}

var errNotInstalled = errors.New("PostgreSQL is not installed (apt-get install postgresql)")

func newServer() (*server, error) {
	s := &server{}
	var found []string
	if path, err := exec.LookPath("postgres"); err == nil {
		found = append(found, path)
	}
	debian, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if found = append(found, debian...); len(found) == 0 {
		return nil, errNotInstalled
	}
	s.bin = filepath.Dir(found[len(found)-1])
	dir, err := os.MkdirTemp("", "pgio")
	if err != nil {
		return nil, err
	}
	s.dir = dir
	if err := s.owner(); err != nil {
		return nil, err
	}
	if out, err := s.command("initdb", "-A", "trust", "-U", "weir", "--no-locale", "-E", "UTF8", "--no-sync", "-D", s.dir+"/data").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s.port = l.Addr().(*net.TCPAddr).Port
	_ = l.Close()
	s.url = fmt.Sprintf("postgres://weir@127.0.0.1:%d/postgres?sslmode=disable", s.port)
	if err := s.start(); err != nil {
		s.remove()
		return nil, err
	}
	if err := os.Setenv(address, s.url); err != nil {
		return nil, err
	}
	return s, s.exec(pgio.Schema)
}

// owner gives the folder to an ordinary user: the server refuses to be root.
func (s *server) owner() error {
	if os.Getuid() != 0 {
		return nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return err
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	s.attr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	return os.Chown(s.dir, uid, gid)
}

func (s *server) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.bin, name), args...)
	cmd.SysProcAttr, cmd.Dir = s.attr, s.dir
	return cmd
}

// start starts the server, and waits until it answers. What is left of a killed one can hold it up. It has
// no socket in a folder, whose path may have 107 bytes and no more.
func (s *server) start() (err error) {
	for by := time.Now().Add(30 * time.Second); time.Now().Before(by); time.Sleep(100 * time.Millisecond) {
		if s.cmd == nil || exited(s.done) {
			s.cmd = s.command("postgres", "-D", s.dir+"/data", "-p", fmt.Sprint(s.port), "-k", "",
				"-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "max_connections=200")
			s.cmd.Stderr = &s.log
			if err := s.cmd.Start(); err != nil {
				return err
			}
			s.done = make(chan struct{})
			go func(cmd *exec.Cmd, done chan struct{}) { _ = cmd.Wait(); close(done) }(s.cmd, s.done)
		}
		if err = s.exec("select 1"); err == nil {
			return nil
		}
	}
	return fmt.Errorf("postgres does not start: %w: %s", err, s.log.Bytes())
}

func exited(done chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

func (s *server) exec(sql string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, sql)
	return err
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
	_ = s.cmd.Process.Signal(syscall.SIGQUIT)
	<-s.done
	_ = os.RemoveAll(s.dir)
}

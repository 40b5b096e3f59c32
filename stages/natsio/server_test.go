package natsio_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/weir-go/weir/flow/flowtest/queuetest"
)

// serverVariable tells the test binary to be a server, in a folder and at a port.
const serverVariable = "NATSIO_TEST_SERVER"

func TestMain(m *testing.M) {
	if told := os.Getenv(serverVariable); told != "" {
		serve(told)
	}
	queuetest.Main(m, client(), func(code int) int {
		shared.stop()
		if err := goleak.Find(); code == 0 && err != nil {
			fmt.Println(err)
			return 1
		}
		return code
	})
}

// serve is a server in a process of its own, until its test has gone.
func serve(told string) {
	folder, port, _ := strings.Cut(told, "|")
	o := &server.Options{Host: "127.0.0.1", JetStream: true, StoreDir: folder, MaxPayload: 16 << 20, NoSigs: true, NoLog: true}
	_, _ = fmt.Sscan(port, &o.Port)
	s, err := server.NewServer(o)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	s.Start()
	if !s.ReadyForConnections(20 * time.Second) {
		fmt.Println("the server is not ready")
		os.Exit(1)
	}
	fmt.Println(s.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(0)
}

// process is a server.
type process struct {
	mu     sync.Mutex
	folder string
	addr   string
	cmd    *exec.Cmd
	stdin  io.Closer
}

// shared is the server of all tests.
var shared = &process{}

func (p *process) start(t testing.TB) string {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		p.launch(t)
	}
	return p.addr
}

func (p *process) launch(t testing.TB) {
	t.Helper()
	port := "-1"
	if p.folder == "" {
		folder, err := os.MkdirTemp("", "natsio")
		require.NoError(t, err)
		p.folder = folder
	} else {
		_, again, err := net.SplitHostPort(p.addr)
		require.NoError(t, err)
		port = again
	}
	self, err := os.Executable()
	require.NoError(t, err)
	p.cmd = exec.Command(self)
	p.cmd.Env = append(os.Environ(), serverVariable+"="+p.folder+"|"+port)
	p.stdin, err = p.cmd.StdinPipe()
	require.NoError(t, err)
	out, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	p.addr = strings.TrimSpace(line)
	_, _, err = net.SplitHostPort(p.addr)
	require.NoError(t, err, "the server has not started: %s", line)
}

// restart kills the server with kill -9 and starts it on its data.
func (p *process) restart(t testing.TB) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
	time.Sleep(100 * time.Millisecond)
	p.launch(t)
}

// kill kills the server with kill -9. The next start starts it on its data.
func (p *process) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
	p.cmd = nil
}

func (p *process) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd != nil {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
	}
	if p.folder != "" {
		_ = os.RemoveAll(p.folder)
	}
}

// streams counts the streams of the tests: the server outlives a run of them.
var streams atomic.Int64

// fresh returns a name that no stream has.
func fresh(prefix string) string { return fmt.Sprintf("%s%d", prefix, streams.Add(1)) }

// connect returns a connection to an address.
func connect(addr string) (*nats.Conn, jetstream.JetStream, error) {
	nc, err := nats.Connect("nats://"+addr, nats.MaxReconnects(-1), nats.ReconnectWait(20*time.Millisecond), nats.ReconnectJitter(0, 0))
	if err != nil {
		return nil, nil, err
	}
	js, err := jetstream.New(nc)
	return nc, js, err
}

// dial returns a connection to the server that ends with the test.
func dial(t testing.TB) jetstream.JetStream {
	t.Helper()
	nc, js, err := connect(shared.start(t))
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	return js
}

// stream makes a stream of its own for the test, with one consumer, "worker".
func stream(t testing.TB, js jetstream.JetStream, name string, c jetstream.ConsumerConfig) jetstream.Consumer {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	_, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: name, Subjects: []string{name + ".>"}, Retention: jetstream.WorkQueuePolicy})
	require.NoError(t, err)
	c.Durable, c.AckPolicy = "worker", jetstream.AckExplicitPolicy
	consumer, err := js.CreateConsumer(ctx, name, c)
	require.NoError(t, err)
	return consumer
}

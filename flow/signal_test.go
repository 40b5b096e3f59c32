//go:build unix

package flow_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/sink"
	"github.com/weir-go/weir/stages/source"
)

// kill sends a signal to the test itself. The signals are ones that end no
// process by themselves when a test has a fault.
func kill(t *testing.T, s syscall.Signal) {
	t.Helper()
	require.NoError(t, syscall.Kill(os.Getpid(), s))
}

// The signals are real ones, which do not reach into a bubble.
func TestTheFirstSignalDrainsAndTheSecondAborts(t *testing.T) {
	for range 20 {
		if signalTwice(t) {
			return
		}
	}
	t.Fatal("the machine never brought two signals within 400 ms")
}

// signalTwice reports whether the machine was quick enough for two signals that count as one.
func signalTwice(t *testing.T) bool {
	t.Helper()
	guard := make(chan os.Signal, 8) // so that SIGUSR1 never ends the process
	signal.Notify(guard, syscall.SIGUSR1)
	defer signal.Stop(guard)
	inside, stopped := make(chan struct{}), make(chan struct{})
	hang := func(ctx context.Context, v int) (int, error) {
		close(inside)
		<-ctx.Done()
		return v, nil
	}
	src := stages.SourceFunc[int](func(ctx context.Context, out *stages.Outlet[int]) error {
		out.Emit(1)
		<-ctx.Done()
		close(stopped)
		return nil
	})
	r, err := flow.From(src).Map("hang", hang).To(sink.ForEach(ignore)).Start(t.Context(), flow.StopOnSignal(syscall.SIGUSR1))
	require.NoError(t, err)
	<-inside
	first := time.Now()
	kill(t, syscall.SIGUSR1)
	<-guard
	<-stopped
	kill(t, syscall.SIGUSR1) // a wrapper sends it to the process and to its group
	<-guard
	if time.Since(first) > 400*time.Millisecond {
		r.Abort(errors.New("enough"))
		_, _ = r.Wait()
		return false
	}
	require.Equal(t, int64(1), r.Snapshot().Ledger.Balance(), "the item is still inside")
	time.Sleep(600 * time.Millisecond) // signals are real, and so is the time between them
	require.Equal(t, int64(1), r.Snapshot().Ledger.Balance(), "a signal at once after the first is the same one")
	kill(t, syscall.SIGUSR1)
	<-guard
	rep, err := r.Wait()
	require.ErrorIs(t, err, flow.ErrSignal)
	require.ErrorContains(t, err, "user defined signal 1")
	require.NoError(t, rep.Check())
	return true
}

func TestASignalDrainsAWorker(t *testing.T) {
	queue := make(chan int)
	r, err := flow.From(source.Chan(queue)).To(sink.ForEach(ignore)).Start(t.Context(), flow.StopOnSignal())
	require.NoError(t, err)
	queue <- 1
	kill(t, syscall.SIGTERM)
	rep, err := r.Wait()
	require.NoError(t, err)
	require.Equal(t, int64(1), rep.Ledger.Out)
}

// After the run the signal has its own effect again: it ends this process, which
// is one of the test's own.
func TestARunGivesSignalsBack(t *testing.T) {
	if os.Getenv("WEIR_SIGNAL_CHILD") != "" {
		_, err := flow.From(source.Slice(upTo(3))).To(sink.ForEach(ignore)).Run(t.Context(), flow.StopOnSignal(syscall.SIGTERM))
		require.NoError(t, err)
		kill(t, syscall.SIGTERM)
		select {}
	}
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestARunGivesSignalsBack$", "-test.timeout=20s")
	child.Env = append(os.Environ(), "WEIR_SIGNAL_CHILD=1")
	var ended *exec.ExitError
	require.ErrorAs(t, child.Run(), &ended)
	require.Equal(t, syscall.SIGTERM, ended.Sys().(syscall.WaitStatus).Signal())
}

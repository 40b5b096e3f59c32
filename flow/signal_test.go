//go:build unix

package flow_test

import (
	"context"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
)

// kill sends a signal to the test itself. The signals are ones that end no
// process by themselves when a test has a fault.
func kill(t *testing.T, s syscall.Signal) {
	t.Helper()
	require.NoError(t, syscall.Kill(os.Getpid(), s))
}

// The signals are real ones, which do not reach into a bubble.
func TestTheFirstSignalDrainsAndTheSecondAborts(t *testing.T) {
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
	r, err := flow.From(src).Map("hang", hang).To(stages.ForEach(ignore)).Start(t.Context(), flow.StopOnSignal(syscall.SIGUSR1))
	require.NoError(t, err)
	<-inside
	kill(t, syscall.SIGUSR1)
	<-guard
	<-stopped
	require.Equal(t, int64(1), r.Snapshot().Ledger.Balance(), "the item is still inside")
	kill(t, syscall.SIGUSR1)
	<-guard
	rep, err := r.Wait()
	require.ErrorIs(t, err, flow.ErrSignal)
	require.ErrorContains(t, err, "user defined signal 1")
	require.NoError(t, rep.Check())
}

func TestASignalDrainsAWorker(t *testing.T) {
	queue := make(chan int)
	r, err := flow.From(stages.Chan(queue)).To(stages.ForEach(ignore)).Start(t.Context(), flow.StopOnSignal())
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
		_, err := flow.From(stages.Slice(upTo(3))).To(stages.ForEach(ignore)).Run(t.Context(), flow.StopOnSignal(syscall.SIGTERM))
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

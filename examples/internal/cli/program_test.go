package cli_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/weir-go/weir/examples/internal/cli"
)

func TestMain(m *testing.M) {
	if os.Getenv("CLI_WAITS") != "" {
		waiting().Main()
	}
	goleak.VerifyTestMain(m)
}

// counter is a program with a flag, a name from the environment, and an end.
func counter(end error) cli.Program {
	n, name := 3, ""
	return cli.Program{
		Name: "counter", Usage: "Usage: counter [flags]\n\n",
		Flags: func(set *flag.FlagSet) { set.IntVar(&n, "n", n, "how `many`") },
		Settle: func(getenv func(string) string, faults *cli.Faults) {
			name = getenv("NAME")
			faults.If(n < 0, "-n %d is below 0", n)
			faults.If(name == "", "NAME is not set")
		},
		Do: func(_ context.Context, stdout, _ io.Writer) error {
			fmt.Fprintln(stdout, name, n)
			return end
		},
	}
}

func ann(string) string { return "ann" }

func TestRunIsAStatusAndALine(t *testing.T) {
	for name, tt := range map[string]struct {
		args   string
		end    error
		code   int
		out    string
		errors string
	}{
		"well":            {"-n 7", nil, 0, "ann 7\n", ""},
		"failed":          {"", errors.New("no paper"), 1, "ann 3\n", "counter: no paper\n"},
		"interrupted":     {"", fmt.Errorf("%w at 2", cli.ErrInterrupted), 130, "ann 3\n", "counter: interrupted at 2\n"},
		"help":            {"-n 7 -h", nil, 0, "Usage: counter [flags]\n\n  -n many\n    \thow many (default 3)\n", ""},
		"unknown flag":    {"-nope", nil, 2, "", "counter: flag provided but not defined: -nope (-h for help)\n"},
		"not a number":    {"-n x", nil, 2, "", "counter: invalid value \"x\" for flag -n: parse error (-h for help)\n"},
		"all that is bad": {"-n -1 now then", nil, 2, "", "counter: unexpected argument \"now then\"; -n -1 is below 0 (-h for help)\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var out, faults strings.Builder
			code := counter(tt.end).Run(t.Context(), strings.Fields(tt.args), ann, &out, &faults)
			require.Equal(t, tt.code, code)
			require.Equal(t, tt.out, out.String())
			require.Equal(t, tt.errors, faults.String())
		})
	}
}

// The message is the same whatever the program was doing.
func TestTheEndOfTheContextIsAnInterrupt(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("signal"))
	p := counter(nil)
	for err, want := range map[error]string{
		fmt.Errorf("dial: %w", context.Cause(ctx)): "counter: interrupted\n",
		errors.New("no paper"):                     "counter: no paper\n",
	} {
		var faults strings.Builder
		p.Do = func(context.Context, io.Writer, io.Writer) error { return err }
		require.NotZero(t, p.Run(ctx, nil, ann, io.Discard, &faults))
		require.Equal(t, want, faults.String())
	}
}

// waiting is a program that drains for ever after an interrupt.
func waiting() cli.Program {
	p := counter(nil)
	p.Settle = func(func(string) string, *cli.Faults) {}
	p.Do = func(ctx context.Context, stdout, _ io.Writer) error {
		fmt.Fprintln(stdout, "at work")
		<-ctx.Done()
		fmt.Fprintln(stdout, "draining")
		select {}
	}
	return p
}

// The first Ctrl-C ends the context, the second the process. One that comes at once is
// the first again: it ended a process that had only begun to drain. Real time: it is a
// process of its own.
func TestTheSecondInterruptEndsTheProcess(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	// A shell has its background jobs ignore the signal, and they pass that on to their children. What
	// is handled here is not ignored there.
	handled := make(chan os.Signal, 1)
	signal.Notify(handled, os.Interrupt)
	defer signal.Stop(handled)
	child := exec.CommandContext(t.Context(), self)
	child.Env = append(os.Environ(), "CLI_WAITS=1")
	out, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	heard := func(want string) {
		t.Helper()
		line := make([]byte, len(want))
		_, err := io.ReadFull(out, line)
		require.NoError(t, err)
		require.Equal(t, want, string(line))
	}
	ended := make(chan struct{})
	heard("at work\n")
	first := time.Now()
	require.NoError(t, child.Process.Signal(os.Interrupt))
	heard("draining\n")
	go func() { _ = child.Wait(); close(ended) }()
	for again := time.NewTicker(time.Millisecond); ; {
		_ = child.Process.Signal(os.Interrupt)
		select {
		case <-again.C:
			continue
		case <-ended:
		}
		break
	}
	require.GreaterOrEqual(t, time.Since(first), 500*time.Millisecond)
	status, ok := child.ProcessState.Sys().(syscall.WaitStatus)
	require.True(t, ok)
	require.Equal(t, syscall.SIGINT, status.Signal())
}

func ExampleProgram_Run() {
	code := counter(nil).Run(context.Background(), []string{"-n", "7"}, ann, os.Stdout, os.Stdout)
	fmt.Println(code)
	// Output:
	// ann 7
	// 0
}

func ExampleProgram_Parse() {
	err := counter(nil).Parse([]string{"-n", "-1"}, ann, os.Stdout)
	fmt.Println(err)
	// Output: -n -1 is below 0
}

func ExampleFaults_If() {
	p := counter(nil)
	p.Settle = func(_ func(string) string, faults *cli.Faults) {
		faults.If(true, "%d is odd", 3)
		faults.If(false, "never")
		faults.If(true, "it rains")
	}
	fmt.Println(p.Parse(nil, ann, os.Stdout))
	// Output: 3 is odd; it rains
}

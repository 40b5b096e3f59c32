package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

// ErrInterrupted is what a program returns that was ended before its work was
// done. Its status is what a shell shows for Ctrl-C.
var ErrInterrupted = errors.New("interrupted")

// Program is a program for the command line. All fields are needed.
type Program struct {
	Name string
	// Usage is what -h says before it lists the flags.
	Usage string
	// Flags defines the flags. It is called once in a run, before Settle.
	Flags func(*flag.FlagSet)
	// Settle reads the environment and says what is wrong with what was chosen.
	Settle func(getenv func(string) string, faults *Faults)
	// Do does the work until ctx ends. Its error should be one line.
	Do func(ctx context.Context, stdout, stderr io.Writer) error
}

// Main runs the program and ends the process. The first Ctrl-C is the end of the
// context; the second does what it always does.
func (p Program) Main() {
	// Deferred calls do not survive os.Exit, which is why all the rest is in Run.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	code := p.Run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// Run is Main without the process around it. It returns the exit status: 0, 1
// where the program failed, 2 where it was asked for wrongly, 130 where it was
// interrupted. A failure is one line on stderr.
func (p Program) Run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	err := p.Parse(args, getenv, stdout)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintf(stderr, "%s: %v (-h for help)\n", p.Name, err)
		return 2
	}
	if err = p.Do(ctx, stdout, stderr); err == nil {
		return 0
	}
	if ended := context.Cause(ctx); ended != nil && errors.Is(err, ended) && !errors.Is(err, ErrInterrupted) {
		err = ErrInterrupted // whatever it was at when it was told to end
	}
	fmt.Fprintf(stderr, "%s: %v\n", p.Name, err)
	if errors.Is(err, ErrInterrupted) {
		return 130
	}
	return 1
}

// Parse reads the flags and the environment. The error is one line with all that
// is wrong, or flag.ErrHelp where the user asked for help, which is written then.
func (p Program) Parse(args []string, getenv func(string) string, help io.Writer) error {
	set := flag.NewFlagSet(p.Name, flag.ContinueOnError)
	set.SetOutput(io.Discard) // the caller reports the error, in one line
	p.Flags(set)
	err := set.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(help, p.Usage)
		set.SetOutput(help)
		set.PrintDefaults()
	}
	if err != nil {
		return err
	}
	var faults Faults
	faults.If(set.NArg() > 0, "unexpected argument %q", strings.Join(set.Args(), " "))
	p.Settle(getenv, &faults)
	return faults.err()
}

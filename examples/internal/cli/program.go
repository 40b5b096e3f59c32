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
	"time"
)

// ErrInterrupted is the error of a program that was interrupted before its work was
// done. The exit status for it is 130, as for Ctrl-C in a shell.
var ErrInterrupted = errors.New("interrupted")

// Program is a program for the command line. All fields are needed.
type Program struct {
	Name string
	// Usage is the text that -h prints before the list of the flags.
	Usage string
	// Flags defines the flags. A run calls it once, before Settle.
	Flags func(*flag.FlagSet)
	// Settle reads the environment, and adds what is wrong with the user's choice to
	// faults.
	Settle func(getenv func(string) string, faults *Faults)
	// Do does the work until ctx ends. Its error should be one line.
	Do func(ctx context.Context, stdout, stderr io.Writer) error
}

// echo is how long further signals count as the first one. A shell or a wrapper may
// send a signal to the process and to its group: then it arrives twice.
const echo = 500 * time.Millisecond

// Main runs the program and ends the process. The first Ctrl-C ends the context. The
// second, if it comes half a second later or more, ends the process.
func (p Program) Main() {
	// os.Exit makes no deferred calls, so all the rest is in Run.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, func() { time.AfterFunc(echo, stop) })
	code := p.Run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// Run is Main without the process around it. It returns the exit status: 0 for
// success, 1 if the program failed, 2 if the flags or the environment are wrong, 130
// if it was interrupted. A failure is one line on stderr.
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
		err = ErrInterrupted // whatever the program was doing
	}
	fmt.Fprintf(stderr, "%s: %v\n", p.Name, err)
	if errors.Is(err, ErrInterrupted) {
		return 130
	}
	return 1
}

// Parse reads the flags and the environment. The error is one line with all that is
// wrong. If the user asked for help, Parse writes it to help, and the error is
// flag.ErrHelp.
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

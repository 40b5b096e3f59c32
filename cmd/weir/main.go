package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"github.com/weir-go/weir/stages/deadletter"
)

// grammar is the command line.
type grammar struct {
	Letters struct {
		Ls     lsCommand     `cmd:"" help:"List letters, one on each line."`
		Show   showCommand   `cmd:"" help:"Show letters with all their fields, as JSON."`
		Replay replayCommand `cmd:"" help:"Give the values of letters to a command or a URL, and take out those that are done."`
		Rm     rmCommand     `cmd:"" help:"Take letters out."`
	} `cmd:"" help:"Dead letters in a file."`
	Top   topCommand   `cmd:"" help:"Watch a running flow."`
	Graph graphCommand `cmd:"" help:"Print the graph of a running flow."`
}

// program is what commands work with.
type program struct {
	ctx    context.Context
	stdout io.Writer
	stderr io.Writer
}

const about = `Looks at flows and their dead letters.

Exit status: 0 all is well, 1 a command failed, 2 the command line is wrong, 3 another process has
the file of letters open, 130 interrupted.`

// echo is how long further signals count as the first one. The next one after it ends the process.
const echo = 500 * time.Millisecond

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, func() { time.AfterFunc(echo, stop) })
	p := &program{ctx: ctx, stdout: os.Stdout, stderr: os.Stderr}
	code := p.run(os.Args[1:])
	stop()
	os.Exit(code)
}

// run runs the command line, and returns the exit status.
func (p *program) run(args []string) int {
	var g grammar
	parser, err := kong.New(&g, kong.Name("weir"), kong.Description(about), kong.Writers(p.stdout, p.stderr),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}))
	if err != nil {
		fmt.Fprintf(p.stderr, "weir: %v\n", err)
		return 2
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(p.stderr, "weir: %v (--help for help)\n", err)
		return 2
	}
	return p.status(parsed.Run(p))
}

// status says how a command has ended, and returns the exit status.
func (p *program) status(err error) int {
	switch {
	case err == nil:
		return 0
	case p.ctx.Err() != nil:
		fmt.Fprintln(p.stderr, "weir: interrupted")
		return 130
	case errors.Is(err, syscall.EPIPE): // the reader of a pipe has seen enough
		return 0
	}
	fmt.Fprintf(p.stderr, "weir: %v\n", err)
	switch {
	case errors.Is(err, errUsage):
		return 2
	case errors.Is(err, deadletter.ErrLocked):
		return 3
	}
	return 1
}

var errUsage = errors.New("wrong use")

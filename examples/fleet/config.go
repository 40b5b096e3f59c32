package main

import (
	"flag"
	"time"

	"github.com/weir-go/weir/examples/internal/cli"
)

// config is what the user can choose.
type config struct {
	workers int // processes; 0 is that this one does all
	calls   int // calls at a time of each worker
	limit   int // packages; 0 is all
	out     string
	scale   bool

	join    string // the server to join as a worker, "" to be the one that starts all
	modelAt string
	name    string
}

const usage = `Usage: fleet [flags]

Summarises each package of the standard library by a model, in two parts with JetStream
between them. The server is embedded, and the model is a stand-in with an outage.

Flags:
`

func defaults() config {
	return config{calls: 4, out: "fleet.jsonl", name: "worker-1"}
}

// program returns the program. Its flags set c, whose values are the defaults.
func (c *config) program() cli.Program {
	return cli.Program{Name: "fleet", Usage: usage, Flags: c.flags, Settle: c.settle, Do: c.do}
}

func (c *config) flags(set *flag.FlagSet) {
	set.IntVar(&c.workers, "workers", c.workers, "how many worker `processes` to start, one of which is killed; 0 is one process for all")
	set.IntVar(&c.calls, "calls", c.calls, "how many calls a worker makes at a time")
	set.IntVar(&c.limit, "limit", c.limit, "how many packages to read; 0 is all")
	set.StringVar(&c.out, "out", c.out, "`file` for the summaries, replaced at the end of the run")
	set.BoolVar(&c.scale, "scale", c.scale, "measure the throughput of 1, 2 and 4 workers with calls of 20 ms")
	set.StringVar(&c.join, "join", c.join, "`url` of a server to join as a worker")
	set.StringVar(&c.modelAt, "model-at", c.modelAt, "`url` of the model, for a worker that joins")
	set.StringVar(&c.name, "name", c.name, "`name` of a worker that joins")
}

// settle checks the user's choice.
func (c *config) settle(_ func(string) string, faults *cli.Faults) {
	faults.If(c.workers < 0 || c.workers > 32, "-workers %d is not between 0 and 32", c.workers)
	faults.If(c.workers == 1, "-workers 1 leaves no worker after the kill")
	faults.If(c.calls < 1 || c.calls > 100, "-calls %d is not between 1 and 100", c.calls)
	faults.If(c.limit < 0, "-limit %d is below 0", c.limit)
	faults.If(c.out == "", "-out is empty")
	faults.If(c.join != "" && c.modelAt == "", "-join needs -model-at")
	faults.If(c.join != "" && c.name == "", "-name is empty")
}

// patience is how long a run may go without a new summary.
const patience = 30 * time.Second

package main

import (
	"flag"
	"time"

	"github.com/weir-go/weir/examples/internal/cli"
	"github.com/weir-go/weir/examples/internal/endpoint"
	"github.com/weir-go/weir/examples/internal/livepage"
	"github.com/weir-go/weir/examples/internal/standin"
)

// config is what the user can choose.
type config struct {
	model   string
	out     string        // a file, or "-" for stdout
	workers int           // calls at a time
	limit   int           // packages; 0 is all
	timeout time.Duration // of one call; the run as a whole has none
	live    string        // where to show the run; "" is nowhere
	baseURL string        // "" is the stand-in
	key     string
}

const usage = `Usage: quickstart [flags]

Writes a glossary of the standard library as JSON Lines: one sentence on each
package and on each package it imports, made by a model. Without configuration the
model is a stand-in on this machine that behaves as badly as a real one.

Environment:
  OPENAI_BASE_URL  a service that speaks OpenAI's API, such as https://api.openai.com/v1;
                   asks it, and needs -model
  OPENAI_API_KEY   the key for that service; it is not used without OPENAI_BASE_URL

Flags:
`

// program returns the program of the quickstart. Its flags set c, whose values are the
// defaults.
func (c *config) program() cli.Program {
	return cli.Program{Name: "quickstart", Usage: usage, Flags: c.flags, Settle: c.settle, Do: c.compile}
}

func (c *config) flags(set *flag.FlagSet) {
	set.StringVar(&c.model, "model", c.model, "`name` of the model to ask (default the stand-in's)")
	set.StringVar(&c.out, "out", c.out, "`file` for the glossary, replaced when the run begins; - is stdout")
	set.IntVar(&c.workers, "workers", c.workers, "how many calls to make at a time")
	set.IntVar(&c.limit, "limit", c.limit, "how many packages to read; 0 is all")
	set.DurationVar(&c.timeout, "timeout", c.timeout, "how long one call may take")
	set.StringVar(&c.live, "live", c.live, livepage.Usage)
}

// defaults names no model, because that depends on the service. With 16 calls at a
// time the stand-in's outage meets several of them, and a real service can bear them.
func defaults() config {
	return config{out: "summaries.jsonl", workers: 16, timeout: 30 * time.Second}
}

// settle reads the environment and checks the user's choice. The client checks the base
// URL, because it knows what it can use.
func (c *config) settle(getenv func(string) string, faults *cli.Faults) {
	c.baseURL, c.key = endpoint.Environment(getenv)
	if c.baseURL == "" && c.model == "" {
		c.model = standin.Model
	}
	faults.If(c.model == "", "-model is needed with OPENAI_BASE_URL")
	faults.If(c.out == "", "-out is empty")
	faults.If(c.workers < 1 || c.workers > 1000, "-workers %d is not between 1 and 1000", c.workers)
	faults.If(c.limit < 0, "-limit %d is below 0", c.limit)
	faults.If(c.timeout <= 0, "-timeout %v is not above 0", c.timeout)
}

// endpoint says which service to ask, and how.
func (c config) endpoint() endpoint.Config {
	return endpoint.Config{BaseURL: c.baseURL, Key: c.key, Timeout: c.timeout, Connections: c.workers}
}

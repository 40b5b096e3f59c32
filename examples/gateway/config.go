package main

import (
	"flag"
	"net"
	"time"

	"github.com/weir-go/weir/examples/internal/cli"
	"github.com/weir-go/weir/examples/internal/endpoint"
	"github.com/weir-go/weir/examples/internal/standin"
)

// config is what the user can choose.
type config struct {
	addr    string
	model   string        // of requests that name none; "" refuses them
	limit   int           // requests in work at a time
	workers int           // calls at a time
	timeout time.Duration // of one call, and the longest that a client waits
	keep    time.Duration // how long an answer serves equal requests
	drain   time.Duration // how long the requests in work may take at the end
	baseURL string        // "" is the stand-in
	key     string
}

const usage = `Usage: gateway [flags]

Stands in front of a model and speaks OpenAI's chat completions. Without
configuration the model is a stand-in on this machine that behaves as badly as a
real one.

Environment:
  OPENAI_BASE_URL  a service that speaks OpenAI's API, such as https://api.openai.com/v1
  OPENAI_API_KEY   the key for that service; it is not used without OPENAI_BASE_URL

Flags:
`

// program is the gateway as the user chose it. It binds the flags to c, whose
// values are the defaults.
func (c *config) program() cli.Program {
	return cli.Program{Name: "gateway", Usage: usage, Flags: c.flags, Settle: c.settle, Do: c.serve}
}

func (c *config) flags(set *flag.FlagSet) {
	set.StringVar(&c.addr, "addr", c.addr, "`host:port` to listen at")
	set.StringVar(&c.model, "model", c.model, "`name` of the model for requests that name none (default the stand-in's)")
	set.IntVar(&c.limit, "limit", c.limit, "how many requests to have in work; more are refused with 429")
	set.IntVar(&c.workers, "workers", c.workers, "how many calls to make at a time")
	set.DurationVar(&c.timeout, "timeout", c.timeout, "how long one call may take, and a client wait at most")
	set.DurationVar(&c.keep, "keep", c.keep, "how long an answer serves equal requests")
	set.DurationVar(&c.drain, "drain", c.drain, "how long to answer what is in work after Ctrl-C")
}

// defaults has four requests wait for each call that is made: at the stand-in's
// 5 to 40 ms a call, the last of them waits for about a tenth of a second.
func defaults() config {
	return config{
		addr: "localhost:8080", limit: 64, workers: 16,
		timeout: 30 * time.Second, keep: time.Minute, drain: 20 * time.Second,
	}
}

// settle reads the environment and checks what was chosen. The base URL is checked
// by the client, which knows what it can use.
func (c *config) settle(getenv func(string) string, faults *cli.Faults) {
	c.baseURL, c.key = endpoint.Environment(getenv)
	if c.baseURL == "" && c.model == "" {
		c.model = standin.Model
	}
	_, _, err := net.SplitHostPort(c.addr)
	faults.If(err != nil, "-addr %q is not host:port", c.addr)
	faults.If(c.limit < 1 || c.limit > 100_000, "-limit %d is not between 1 and 100000", c.limit)
	faults.If(c.workers < 1 || c.workers > 1000, "-workers %d is not between 1 and 1000", c.workers)
	faults.If(c.timeout <= 0, "-timeout %v is not above 0", c.timeout)
	faults.If(c.keep <= 0, "-keep %v is not above 0", c.keep)
	faults.If(c.drain <= 0, "-drain %v is not above 0", c.drain)
}

// endpoint is which service is asked, and how.
func (c config) endpoint() endpoint.Config {
	return endpoint.Config{BaseURL: c.baseURL, Key: c.key, Timeout: c.timeout, Connections: c.workers}
}

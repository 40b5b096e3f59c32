package main

import (
	"flag"
	"net"
	"time"

	"github.com/weir-go/weir/examples/internal/cli"
	"github.com/weir-go/weir/examples/internal/endpoint"
	"github.com/weir-go/weir/examples/internal/livepage"
	"github.com/weir-go/weir/examples/internal/standin"
)

// config is what the user can choose.
type config struct {
	addr     string
	model    string        // for requests that name none; "" refuses them
	limit    int           // requests in work at a time
	workers  int           // calls at a time
	clients  int           // connections at a time
	timeout  time.Duration // for the model to answer a request, all tries together
	wait     time.Duration // the longest that a client waits; above timeout
	transfer time.Duration // for a client to send its request, and again to take its answer
	keep     time.Duration // how long an answer serves equal requests
	cache    int           // MiB of answers that are kept
	drain    time.Duration // how long the requests in work may take at the end
	live     string        // where to show the flow; "" is nowhere
	baseURL  string        // "" is the stand-in
	key      string
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

// program returns the program of the gateway. Its flags set c, whose values are the
// defaults.
func (c *config) program() cli.Program {
	return cli.Program{Name: "gateway", Usage: usage, Flags: c.flags, Settle: c.settle, Do: c.serve}
}

func (c *config) flags(set *flag.FlagSet) {
	set.StringVar(&c.addr, "addr", c.addr, "`host:port` to listen at")
	set.StringVar(&c.model, "model", c.model, "`name` of the model for requests that name none (default the stand-in's)")
	set.IntVar(&c.limit, "limit", c.limit, "how many requests to have in work; more are refused with 429")
	set.IntVar(&c.workers, "workers", c.workers, "how many calls to make at a time")
	set.IntVar(&c.clients, "clients", c.clients, "how many connections to have open; more wait until one is closed")
	set.DurationVar(&c.timeout, "timeout", c.timeout, "how long the model may take for a request, all tries together")
	set.DurationVar(&c.wait, "wait", c.wait, "how long a client waits at most; above -timeout")
	set.DurationVar(&c.transfer, "transfer", c.transfer, "how long a client may take to send a request, and to take its answer")
	set.DurationVar(&c.keep, "keep", c.keep, "how long an answer serves equal requests")
	set.IntVar(&c.cache, "cache", c.cache, "how many `MiB` of answers to keep for equal requests")
	set.DurationVar(&c.drain, "drain", c.drain, "how long to answer what is in work after Ctrl-C")
	set.StringVar(&c.live, "live", c.live, livepage.Usage)
}

// defaults has places for four requests per worker. With the stand-in's 5 to 40 ms a
// call, the last of the four waits for about a tenth of a second.
func defaults() config {
	return config{
		addr: "localhost:8080", limit: 64, workers: 16, clients: 1000,
		timeout: 20 * time.Second, wait: 30 * time.Second, transfer: 10 * time.Second,
		keep: time.Minute, cache: 64, drain: 20 * time.Second,
	}
}

// longest bounds the times that the server adds up.
const longest = 24 * time.Hour

// settle reads the environment and checks the user's choice. The client checks the base
// URL, because it knows what it can use.
func (c *config) settle(getenv func(string) string, faults *cli.Faults) {
	c.baseURL, c.key = endpoint.Environment(getenv)
	if c.baseURL == "" && c.model == "" {
		c.model = standin.Model
	}
	_, _, err := net.SplitHostPort(c.addr)
	faults.If(err != nil, "-addr %q is not host:port", c.addr)
	faults.If(c.limit < 1 || c.limit > 100_000, "-limit %d is not between 1 and 100000", c.limit)
	faults.If(c.workers < 1 || c.workers > 1000, "-workers %d is not between 1 and 1000", c.workers)
	faults.If(c.clients < 1 || c.clients > 1_000_000, "-clients %d is not between 1 and 1000000", c.clients)
	faults.If(c.timeout <= 0, "-timeout %v is not above 0", c.timeout)
	// A client that leaves before the model's time is up says nothing about the model.
	faults.If(c.wait <= c.timeout, "-wait %v is not above -timeout %v", c.wait, c.timeout)
	faults.If(c.wait > longest, "-wait %v is above %v", c.wait, longest)
	faults.If(c.transfer <= 0 || c.transfer > longest, "-transfer %v is not above 0 and at most %v", c.transfer, longest)
	faults.If(c.keep <= 0, "-keep %v is not above 0", c.keep)
	faults.If(c.cache < 1 || c.cache > 1_000_000, "-cache %d is not between 1 and 1000000", c.cache)
	faults.If(c.drain <= 0, "-drain %v is not above 0", c.drain)
}

// endpoint says which service the gateway asks, and how.
func (c config) endpoint() endpoint.Config {
	return endpoint.Config{BaseURL: c.baseURL, Key: c.key, Timeout: c.timeout, Connections: c.workers}
}

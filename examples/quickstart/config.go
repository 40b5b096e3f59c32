package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/weir-go/weir/examples/internal/endpoint"
	"github.com/weir-go/weir/examples/internal/standin"
)

// config is what the user can choose.
type config struct {
	model   string
	out     string        // a file, or "-" for stdout
	workers int           // calls at a time
	limit   int           // packages; 0 is all
	timeout time.Duration // of one call; the run as a whole has none
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

// flags binds the flags to c, whose values are the defaults.
func (c *config) flags() *flag.FlagSet {
	set := flag.NewFlagSet("quickstart", flag.ContinueOnError)
	set.SetOutput(io.Discard) // the caller reports the error, in one line
	set.StringVar(&c.model, "model", c.model, "`name` of the model to ask (default the stand-in's)")
	set.StringVar(&c.out, "out", c.out, "`file` for the glossary, replaced when the run begins; - is stdout")
	set.IntVar(&c.workers, "workers", c.workers, "how many calls to make at a time")
	set.IntVar(&c.limit, "limit", c.limit, "how many packages to read; 0 is all")
	set.DurationVar(&c.timeout, "timeout", c.timeout, "how long one call may take")
	return set
}

// defaults leaves the model open: which one it is depends on the service. 16 calls
// at a time are enough for the stand-in's outage to meet several of them, and modest
// for a real service.
func defaults() config {
	return config{out: "summaries.jsonl", workers: 16, timeout: 30 * time.Second}
}

// parse reads the flags and the environment. The error is one line with all
// that is wrong, or flag.ErrHelp where the user asked for help.
func parse(args []string, getenv func(string) string) (config, error) {
	c := defaults()
	set := c.flags()
	if err := set.Parse(args); err != nil {
		return c, err
	}
	c.baseURL = strings.TrimSpace(getenv("OPENAI_BASE_URL"))
	if c.baseURL != "" {
		// A key left in the environment must not reach a service nobody chose, nor
		// a run without configuration cost money.
		c.key = getenv("OPENAI_API_KEY")
	} else if c.model == "" {
		c.model = standin.Model
	}
	return c, c.check(set.Args())
}

// check reports all faults together, so that the user mends them in one go. The
// base URL is checked by the client, which knows what it can use.
func (c config) check(rest []string) error {
	var faults []string
	bad := func(wrong bool, format string, args ...any) {
		if wrong {
			faults = append(faults, fmt.Sprintf(format, args...))
		}
	}
	bad(len(rest) > 0, "unexpected argument %q", strings.Join(rest, " "))
	bad(c.model == "", "-model is needed with OPENAI_BASE_URL")
	bad(c.out == "", "-out is empty")
	bad(c.workers < 1 || c.workers > 1000, "-workers %d is not between 1 and 1000", c.workers)
	bad(c.limit < 0, "-limit %d is below 0", c.limit)
	bad(c.timeout <= 0, "-timeout %v is not above 0", c.timeout)
	if faults == nil {
		return nil
	}
	return errors.New(strings.Join(faults, "; "))
}

// endpoint is which service is asked, and how.
func (c config) endpoint() endpoint.Config {
	return endpoint.Config{BaseURL: c.baseURL, Key: c.key, Timeout: c.timeout, Connections: c.workers}
}

// printUsage writes the help text.
func printUsage(w io.Writer) {
	c := defaults()
	set := c.flags()
	set.SetOutput(w)
	fmt.Fprint(w, usage)
	set.PrintDefaults()
}

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weir-go/weir/bench/load/internal/impl"
)

// config is what the user can choose.
type config struct {
	rates    []float64 // as parts of the service's capacity
	duration time.Duration
	outage   time.Duration
	soak     time.Duration // 0 for the comparison
	impls    []impl.Implementation
	seed     uint64
	json     string // a file, "" for none
	plots    string // a directory, "" for none
}

const usage = `Usage: load [flags]

Puts an open-loop load on a local service with errors and an outage, and compares
weir with rill + failsafe-go and with a client written by hand.

Flags:
`

// flags binds the flags to c, whose values are the defaults, and returns what is
// still to be split.
func (c *config) flags() (set *flag.FlagSet, rates, impls *string) {
	set = flag.NewFlagSet("load", flag.ContinueOnError)
	set.SetOutput(io.Discard) // the caller reports the error, in one line
	rates = set.String("rates", "0.5,1.0,1.5", "arrivals, as `parts` of the service's capacity")
	impls = set.String("impl", "", "`names` of "+strings.Join(names(), ",")+" (default all; with -soak weir)")
	set.DurationVar(&c.duration, "duration", c.duration, "how long each run takes")
	set.DurationVar(&c.outage, "outage", c.outage, "how long the service is down in the middle of it; 0 is never")
	set.DurationVar(&c.soak, "soak", c.soak, "run for this time at the highest rate, and check that memory and goroutines do not grow")
	set.Uint64Var(&c.seed, "seed", c.seed, "of the arrivals and of the service's faults")
	set.StringVar(&c.json, "json", c.json, "`file` for the results")
	set.StringVar(&c.plots, "plots", c.plots, "`directory` for the plots")
	return set, rates, impls
}

// defaults has an outage that does not end when a breaker has its next probe due,
// which would make the recovery a matter of a few milliseconds' luck.
func defaults() config {
	return config{duration: 8 * time.Second, outage: 1400 * time.Millisecond, seed: 7}
}

// parse reads the flags. The error is one line with all that is wrong, or
// flag.ErrHelp where the user asked for help.
func parse(args []string) (config, error) {
	c := defaults()
	set, rates, impls := c.flags()
	if err := set.Parse(args); err != nil {
		return c, err
	}
	if *impls == "" && c.soak != 0 {
		*impls = "weir"
	}
	var faults []string
	bad := func(wrong bool, format string, args ...any) {
		if wrong {
			faults = append(faults, fmt.Sprintf(format, args...))
		}
	}
	bad(set.NArg() > 0, "unexpected argument %q", strings.Join(set.Args(), " "))
	c.setRates(*rates, bad)
	c.setImpls(*impls, bad)
	c.check(bad)
	if faults != nil {
		return c, errors.New(strings.Join(faults, "; "))
	}
	if c.soak > 0 {
		c.duration, c.rates = c.soak, []float64{slices.Max(c.rates)}
	}
	return c, nil
}

type faults func(wrong bool, format string, args ...any)

// check reports the faults of what needs no splitting.
func (c *config) check(bad faults) {
	bad(c.duration < 100*time.Millisecond, "-duration %v is below 100ms", c.duration)
	bad(c.soak < 0 || c.soak > 0 && c.soak < shortestSoak, "-soak %v is below %v", c.soak, shortestSoak)
	bad(c.outage < 0, "-outage %v is below 0", c.outage)
	whole := c.duration
	if c.soak > 0 {
		whole = c.soak
	}
	bad(c.outage > whole/2, "-outage %v is more than half of %v", c.outage, whole)
}

// shortestSoak is what it takes to tell growth from warming up.
const shortestSoak = 3 * time.Second

func (c *config) setRates(text string, bad faults) {
	for _, part := range strings.Split(text, ",") {
		rate, err := strconv.ParseFloat(strings.TrimSpace(part), 64)
		bad(err != nil || !(rate >= 0.01 && rate <= 10), "-rates: %q is not a number from 0.01 to 10", part)
		bad(err == nil && slices.Contains(c.rates, rate), "-rates: %q comes twice", part)
		c.rates = append(c.rates, rate)
	}
}

func (c *config) setImpls(text string, bad faults) {
	if text == "" {
		c.impls = implementations
		return
	}
	for _, name := range strings.Split(text, ",") {
		i, ok := find(strings.TrimSpace(name))
		bad(!ok, "-impl: %q is none of %s", name, strings.Join(names(), ","))
		bad(ok && slices.ContainsFunc(c.impls, func(o impl.Implementation) bool { return o.Name == i.Name }), "-impl: %q comes twice", name)
		c.impls = append(c.impls, i)
	}
}

// implementations are all implementations.
var implementations = impl.All()

func find(name string) (impl.Implementation, bool) {
	i := slices.IndexFunc(implementations, func(i impl.Implementation) bool { return i.Name == name })
	if i < 0 {
		return impl.Implementation{}, false
	}
	return implementations[i], true
}

func names() []string {
	var all []string
	for _, i := range implementations {
		all = append(all, i.Name)
	}
	return all
}

// printUsage writes the help text.
func printUsage(w io.Writer) {
	c := defaults()
	set, _, _ := c.flags()
	set.SetOutput(w)
	fmt.Fprint(w, usage)
	set.PrintDefaults()
}

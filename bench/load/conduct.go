package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/weir-go/weir/bench/load/internal/impl"
	"github.com/weir-go/weir/bench/load/internal/job"
	"github.com/weir-go/weir/bench/load/internal/measure"
	"github.com/weir-go/weir/bench/load/internal/report"
	"github.com/weir-go/weir/bench/load/internal/service"
)

// conduct does all runs, one after another, and returns what there is when it is
// over, also where ctx ended or a run failed.
func conduct(ctx context.Context, c config, progress io.Writer) (report.Results, error) {
	r := report.Results{Machine: report.ThisMachine(), Setup: c.setup()}
	var faults []error
	for i, load := range c.rates {
		for _, im := range rotate(c.impls, i) {
			if ctx.Err() != nil {
				return r, errors.Join(append(faults, errors.New("interrupted"))...)
			}
			rate := load * r.Setup.Capacity
			fmt.Fprintf(progress, "%s, %.0f arrivals/s for %v\n", im.Title, rate, c.duration)
			run, err := one(ctx, c, r.Setup, im, load, progress)
			if err != nil {
				return r, errors.Join(append(faults, fmt.Errorf("%s at %gx: %w", im.Title, load, err))...)
			}
			r.Runs = append(r.Runs, run)
			faults = append(faults, c.judge(run)...)
		}
	}
	return r, errors.Join(faults...)
}

// setup is the same for all runs, so that they differ in the implementation alone.
func (c config) setup() report.Setup {
	m := service.Typical(c.seed)
	m.Outage, m.OutageAt = c.outage, (c.duration-c.outage)/2
	return report.Setup{Duration: c.duration, Settings: job.Usual(), Service: m, Capacity: m.Capacity()}
}

// rotate has each implementation come first in turn, so that none always finds
// the machine as another leaves it.
func rotate(all []impl.Implementation, by int) []impl.Implementation {
	by %= len(all)
	return slices.Concat(all[by:], all[:by])
}

// one does one run: a service of its own, a client of its own.
func one(ctx context.Context, c config, s report.Setup, im impl.Implementation, load float64, stderr io.Writer) (run report.Run, err error) {
	serving, err := startService(s.Service, stderr)
	if err != nil {
		return run, err
	}
	defer func() { err = errors.Join(err, serving.end()) }()
	o := order{
		Impl: im.Name, URL: serving.url, Settings: s.Settings, Rate: load * s.Capacity,
		Duration: c.duration, Seed: c.seed, Soak: c.soak > 0,
		Outage: measure.Outage{At: s.Service.OutageAt, For: s.Service.Outage},
	}
	said, err := runClient(ctx, o, stderr)
	if err != nil {
		return run, err
	}
	run = report.Run{Impl: im.Name, Title: im.Title, Load: load, Rate: o.Rate, Figures: said.Figures, Process: said.Process}
	run.Service, err = serving.counts()
	return run, err
}

// judge returns what must not happen in a run, and in a soak what has grown.
func (c config) judge(run report.Run) []error {
	var errs []error
	for _, f := range run.Faults() {
		errs = append(errs, errors.New(f))
	}
	if c.soak > 0 && run.Aborted == 0 && run.Seconds >= 0.9*c.soak.Seconds() {
		if err := measure.Growth(run.Process.Samples); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", run.Title, err))
		}
	}
	return errs
}

package impl

import (
	"context"
	"errors"

	"github.com/weir-go/weir/bench/load/internal/job"
	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/dedup"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/outcome"
	"github.com/weir-go/weir/primitives/retry"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/source"
)

// Weir does the job with a section. The outer guard bounds what is inside and
// sheds; the inner one bounds the calls and has attempts wait for their turn
// before the breaker is asked, so that it is asked late.
//
// An arrival that waits, for a call to share or for its next attempt, holds
// neither a worker nor a goroutine. Beside the job, each result carries the
// timings of its stage, and the run ends with an account of all items.
func Weir(ctx context.Context, j job.Job, in <-chan job.Arrival) error {
	results := flow.From(source.Chan(in)).
		Guard(guard.Limit(j.InFlight+j.Queue, guard.Shedding())).
		Dedup(dedup.Window(0), func(a job.Arrival) uint64 { return a.Key }).
		Retry(retry.Exponential(j.Attempts, j.Base, retry.Jitter(retry.Equal))).
		Guard(guard.Limit(j.InFlight)).
		Breaker(breaker.Consecutive("service", j.BreakAfter, j.Recovery, breaker.Classify(weirClassify))).
		Enrich("call",
			func(ctx context.Context, a job.Arrival) (job.Answer, error) { return j.Call(ctx, a.Key) },
			join, stages.Workers(j.InFlight), stages.Unordered()).
		Results(ctx)
	for r := range results {
		if r.Err == nil {
			j.Done(r.Value.Arrival, r.Value.Answer, job.Succeeded)
			continue
		}
		failed, ok := errors.AsType[*stages.ItemError](r.Err)
		if !ok {
			return r.Err
		}
		j.Done(failed.Value.(job.Arrival), job.Answer{}, weirFate(failed.Err))
	}
	return nil
}

// answered is an arrival with its answer, which it may share with others.
type answered struct {
	job.Arrival
	job.Answer
}

func join(a job.Arrival, answer job.Answer) answered { return answered{a, answer} }

// weirClassify leaves throttled calls out of the breaker's account; by default
// they are failures.
func weirClassify(ctx context.Context, err error) outcome.Outcome {
	o := outcome.Classify(ctx, err)
	if o.Kind == outcome.Throttled {
		o.Kind = outcome.Ignored
	}
	return o
}

func weirFate(err error) job.Fate {
	switch {
	case errors.Is(err, guard.ErrShed):
		return job.Shed
	case errors.Is(err, breaker.ErrOpen):
		return job.Refused
	case errors.Is(err, stages.ErrAborted):
		return job.Aborted
	}
	return job.Failed
}

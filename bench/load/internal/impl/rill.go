package impl

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/destel/rill"
	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/failsafe-go/failsafe-go/retrypolicy"
	"golang.org/x/sync/singleflight"

	"github.com/weir-go/weir/bench/load/internal/job"
)

// Rill does the job with rill's Map for the concurrency and failsafe-go around
// each call, the retry outside the breaker, as failsafe-go's documentation has
// it. The queue is a channel, whose sender sheds; it is made as a rill stream,
// since rill.FromChan holds one item more.
//
// What the two lack: neither shares calls, so singleflight does. A function in
// Map holds its worker while it waits for a call to share or for its next
// attempt; so fewer than InFlight calls are under way. An error in a rill
// stream does not say whose it is, so errors travel as values. failsafe-go
// spreads a delay told by the service to both sides; it is lengthened here, so
// that it is never cut short.
func Rill(ctx context.Context, j job.Job, in <-chan job.Arrival) error {
	queue := make(chan rill.Try[job.Arrival], j.Queue)
	go func() {
		defer close(queue)
		for a := range in {
			select {
			case queue <- rill.Try[job.Arrival]{Value: a}:
			default:
				j.Done(a, job.Answer{}, job.Shed)
			}
		}
	}()
	var flights singleflight.Group
	executor := failsafe.With[job.Answer](failsafeRetry(j), failsafeBreaker(j)).WithContext(ctx)
	ask := func(key uint64) (job.Answer, error) {
		answer, err, _ := flights.Do(strconv.FormatUint(key, 10), func() (any, error) {
			return executor.GetWithExecution(func(e failsafe.Execution[job.Answer]) (job.Answer, error) {
				return j.Call(e.Context(), key)
			})
		})
		return answer.(job.Answer), err
	}
	done := rill.Map(queue, j.InFlight, func(a job.Arrival) (rilled, error) {
		answer, err := ask(a.Key)
		return rilled{a, answer, err}, nil
	})
	return rill.ForEach(done, 1, func(r rilled) error {
		j.Done(r.arrival, r.answer, rillFate(ctx, r.err))
		return nil
	})
}

// rilled is an arrival with what came of it.
type rilled struct {
	arrival job.Arrival
	answer  job.Answer
	err     error
}

// failsafeRetry spreads a delay by a third to both sides, of three quarters of
// what is asked for, which is the upper half of it.
func failsafeRetry(j job.Job) retrypolicy.RetryPolicy[job.Answer] {
	return retrypolicy.NewBuilder[job.Answer]().
		WithMaxAttempts(j.Attempts).
		WithBackoff(j.Base*3/4, time.Minute).
		WithJitterFactor(1.0 / 3).
		WithDelayFunc(func(e failsafe.ExecutionAttempt[job.Answer]) time.Duration {
			if after := job.After(e.LastError()); after > 0 {
				return after * 3 / 2
			}
			return -1 // as configured
		}).
		AbortOnErrors(circuitbreaker.ErrOpen).
		ReturnLastFailure().
		Build()
}

// failsafeBreaker takes a throttled call as a success: failsafe-go knows nothing
// in between.
func failsafeBreaker(j job.Job) circuitbreaker.CircuitBreaker[job.Answer] {
	return circuitbreaker.NewBuilder[job.Answer]().
		HandleIf(func(_ job.Answer, err error) bool { return err != nil && job.After(err) == 0 }).
		WithFailureThreshold(uint(j.BreakAfter)).
		WithSuccessThreshold(1).
		WithDelay(j.Recovery).
		Build()
}

func rillFate(ctx context.Context, err error) job.Fate {
	switch {
	case err == nil:
		return job.Succeeded
	case errors.Is(err, circuitbreaker.ErrOpen):
		return job.Refused
	case ctx.Err() != nil:
		return job.Aborted
	}
	return job.Failed
}

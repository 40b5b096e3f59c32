package impl

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/sony/gobreaker/v2"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"
	"golang.org/x/sync/singleflight"

	"github.com/weir-go/weir/bench/load/internal/job"
)

// ByHand does the job as a careful engineer would with the usual parts: a
// goroutine for each arrival, as many as an errgroup admits; singleflight for
// equal keys; and a loop of attempts, each with a slot of a semaphore and
// through a gobreaker.
//
// What it lacks: each caller that waits has a goroutine. The backoff is ours, so
// are its mistakes. Nothing counts the arrivals or their timings; in life that
// would be some lines more.
func ByHand(ctx context.Context, j job.Job, in <-chan job.Arrival) error {
	h := &byHand{
		Job:   j,
		slots: semaphore.NewWeighted(int64(j.InFlight)),
		fuse: gobreaker.NewCircuitBreaker[job.Answer](gobreaker.Settings{
			Timeout:     j.Recovery,
			ReadyToTrip: func(c gobreaker.Counts) bool { return int(c.ConsecutiveFailures) >= j.BreakAfter },
			IsExcluded:  func(err error) bool { return job.After(err) > 0 },
		}),
	}
	var inside errgroup.Group
	inside.SetLimit(j.InFlight + j.Queue)
	for a := range in {
		admitted := inside.TryGo(func() error {
			answer, err := h.ask(ctx, a.Key)
			j.Done(a, answer, h.fate(ctx, err))
			return nil
		})
		if !admitted {
			j.Done(a, job.Answer{}, job.Shed)
		}
	}
	return inside.Wait()
}

type byHand struct {
	job.Job
	flights singleflight.Group
	slots   *semaphore.Weighted
	fuse    *gobreaker.CircuitBreaker[job.Answer]
}

// ask shares the attempts for a key with all who ask for it meanwhile.
func (h *byHand) ask(ctx context.Context, key uint64) (job.Answer, error) {
	answer, err, _ := h.flights.Do(strconv.FormatUint(key, 10), func() (any, error) {
		return h.attempts(ctx, key)
	})
	return answer.(job.Answer), err
}

func (h *byHand) attempts(ctx context.Context, key uint64) (job.Answer, error) {
	for n := 1; ; n++ {
		answer, err := h.attempt(ctx, key)
		if err == nil || refused(err) || n == h.Attempts {
			return answer, err
		}
		if wait(ctx, h.delay(n, err)) != nil {
			return job.Answer{}, err
		}
	}
}

func (h *byHand) attempt(ctx context.Context, key uint64) (job.Answer, error) {
	if err := h.slots.Acquire(ctx, 1); err != nil {
		return job.Answer{}, err
	}
	defer h.slots.Release(1)
	return h.fuse.Execute(func() (job.Answer, error) { return h.Call(ctx, key) })
}

// delay is drawn from the upper half of what the exponential asks for; what the
// service tells is lengthened by as much, and never cut short.
func (h *byHand) delay(n int, err error) time.Duration {
	half := h.Base << (n - 1) / 2
	spread := rand.N(half)
	if after := job.After(err); after > 0 {
		return after + spread
	}
	return half + spread
}

func (h *byHand) fate(ctx context.Context, err error) job.Fate {
	switch {
	case err == nil:
		return job.Succeeded
	case refused(err):
		return job.Refused
	case ctx.Err() != nil:
		return job.Aborted
	}
	return job.Failed
}

// refused reports whether the breaker was open, or half-open and busy.
func refused(err error) bool {
	return errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests)
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

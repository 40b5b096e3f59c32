package stages

import (
	"context"
	"errors"

	"github.com/weir-go/weir/primitives/retry"
)

// Hedge makes a [Map] or [Section] call its function once more where a call has not
// answered for a while, and take the first answer; the contexts of the others end.
// source is a policy such as retry.None(retry.Hedge(50*time.Millisecond, 2)), or a
// *[retry.Retrier] made of one, which can be shared and observed.
//
// All copies are one call to the layers of the section and hold one worker: they
// need no second permit and pay no rate twice, so a service can see as many calls
// at a time as there are workers and copies. The call ends when all copies have
// returned, so the function must heed its context. Retries of the policy hold the
// worker while they wait; for those that do not, enclose the call in a [Retry].
func Hedge(source retry.Source) Option {
	return func(s *Settings) {
		if s.Hedge = source; source == nil {
			s.faults = append(s.faults, errors.New("hedge is nil"))
		}
	}
}

// checkHedge refuses a source of retriers that do not hedge.
func checkHedge(source retry.Source) error {
	if source == nil {
		return nil
	}
	r, err := source.Retrier()
	return errors.Join(err, needs(err == nil && !r.Hedges(), "hedge policy is made without retry.Hedge"))
}

// hedged returns the function that makes f's calls, with their copies.
func hedged[I, O any](source retry.Source, node *Node, f func(context.Context, I) (O, error)) (func(context.Context, I) (O, error), error) {
	if source == nil {
		return f, nil
	}
	r, err := source.Retrier()
	if err != nil {
		return nil, err
	}
	node.observe(func() any { return r.Snapshot() })
	return func(ctx context.Context, v I) (out O, _ error) {
		// By pointer: so the retrier's part is the same for results of all types.
		answer, err := r.Do(ctx, func(ctx context.Context) (*O, error) {
			o, err := f(ctx, v)
			return &o, err
		})
		if answer != nil {
			out = *answer
		}
		return out, unretried(err)
	}, nil
}

// unretried returns the error of a single attempt as it was: that is the call itself, not
// one that a retrier has dealt with, and whoever is outside must see what the function
// said.
func unretried(err error) error {
	if e, ok := err.(*retry.Error); ok && e.Attempts <= 1 && e.Err != nil { //nolint:errorlint // the outermost alone
		return e.Err
	}
	return err
}

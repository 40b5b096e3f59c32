package operator

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/stages"
)

// HandBack takes each failed item out of the stream, and asks its source to hand it out again
// after a delay. The run continues, and nothing is dead-lettered.
//
// An item whose source waits for no acknowledgement stays failed. With [stages.MaxDeliveries]
// an item that was delivered that often also stays failed, for a DeadLetter stage below.
// Healthy items pass, and the order is kept. For a delay that depends on the failure, return
// [stages.HandBack] from an OnError stage.
func HandBack[T any](after time.Duration, opts ...stages.HandBackOption) stages.Stage[T, T] {
	return &handBack[T]{after, stages.Apply(opts...)}
}

type handBack[T any] struct {
	after    time.Duration
	settings stages.Settings
}

// TakesFailures implements [stages.FailureTaker].
func (s *handBack[T]) TakesFailures() bool { return true }

// Validate implements [stages.Validator].
func (s *handBack[T]) Validate() error {
	return errors.Join(needs(s.after < 0, fmt.Sprintf("delay is negative: %v", s.after)), s.settings.Validate())
}

func (s *handBack[T]) Run(_ context.Context, in *stages.Inlet[T], out *stages.Outlet[T]) error {
	k := kernel.Of(in)
	most := s.settings.MaxDeliveries
	policy(k, kernel.OutletOf(out), nil, func(m kernel.Meta, _ error) {
		if f := m.Fault(); m.Acked() && (most == 0 || f.Deliveries < most) {
			k.HandBack(m, &stages.HandBackError{After: s.after, Err: f.Err})
			return
		}
		k.Pass(&m)
	})
	return nil
}

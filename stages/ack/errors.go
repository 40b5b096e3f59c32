package ack

import (
	"errors"
)

var (
	// ErrHalted is matched by the error of [Commits.Emit] if a position of the
	// partition failed, or could not be committed.
	ErrHalted = errors.New("ack: partition is halted")

	// ErrForgotten is matched by the error of [Commits.Emit] if the partition was given
	// up, and not claimed again. See [Commits.Forget], [Commits.Drain] and
	// [Commits.Claim].
	ErrForgotten = errors.New("ack: partition was given up")

	// ErrFull is matched by the error of [Commits.Begin] if the window of the
	// partition is full.
	ErrFull = errors.New("ack: window is full")

	// ErrLost is matched by the cause of the context of a lease that was lost; see
	// [Leases].
	ErrLost = errors.New("ack: lease was lost")

	// ErrClosed is matched by the errors of a [Commits], a [Batch] or a [Leases] after
	// Close.
	ErrClosed = errors.New("ack: closed")
)

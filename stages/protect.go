package stages

import (
	"errors"
	"fmt"
)

// protect calls user code and makes its panic an error. A call of
// [runtime.Goexit] cannot be stopped; see [outlive].
func protect[T any](node *Node, f func() (T, error)) (v T, err error) {
	finished := false
	defer func() {
		if !finished {
			err = caught(node.name, recover())
		}
	}()
	v, err = f()
	finished = true
	return v, err
}

// protectOr is protect that calls exiting before f's call of [runtime.Goexit]
// ends the goroutine: the last chance to account for an item at hand.
func protectOr[T any](node *Node, f func() (T, error), exiting func()) (v T, err error) {
	returned := false
	defer func() {
		if !returned {
			exiting()
		}
	}()
	v, err = protect(node, f)
	returned = true
	return v, err
}

func isDrop(err error) bool { return err == ErrDrop || errors.Is(err, ErrDrop) } //nolint:errorlint // most often it is

// joinDeadLetter is the failure of an item that could not be dead-lettered.
func joinDeadLetter(cause error, stage string, err error) error {
	return fmt.Errorf("%w (and stage %q could not keep it: %w)", cause, stage, err)
}

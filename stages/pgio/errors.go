package pgio

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// ErrLeaseLost says that a row does not belong to the worker any more: its term was over, and
// another worker has it or has settled it.
var ErrLeaseLost = errors.New("pgio: lease is lost")

// lasting are the classes of errors that do not heal by themselves: no feature, no authorization,
// no such database, a wrong statement or no table.
var lasting = []string{"0A", "28", "3D", "3F", "42"}

// Heals reports whether an error of a call can pass by itself: the server is away, restarts, or is
// full. Errors of the classes 0A, 28, 3D, 3F and 42 do not pass. See [Ends].
func Heals(err error) bool {
	var refused *pgconn.PgError
	if !errors.As(err, &refused) {
		return true
	}
	for _, class := range lasting {
		if strings.HasPrefix(refused.Code, class) {
			return false
		}
	}
	return true
}

// data are the classes of errors that the data of a row can cause.
var data = []string{"21", "22", "23", "P0"}

// ofData reports whether a row may be to blame. A value that pgx cannot encode has no error type of
// its own, and ends a COPY as if the client had cancelled it.
func ofData(err error) bool {
	var refused *pgconn.PgError
	if !errors.As(err, &refused) {
		return strings.Contains(err.Error(), "failed to encode args")
	}
	if strings.HasPrefix(refused.Message, "COPY from stdin failed") {
		return true
	}
	for _, class := range data {
		if strings.HasPrefix(refused.Code, class) {
			return true
		}
	}
	return false
}

// The waits between tries of what heals.
const (
	firstWait = 20 * time.Millisecond
	lastWait  = time.Second
)

// lasts reports whether an error does not heal.
func lasts(err error) bool { return !Heals(err) }

// persist calls f until it succeeds, ctx ends, or f fails with an error that ends the tries. It
// tells trouble of each other failure.
func persist(ctx context.Context, ends func(error) bool, trouble func(error), f func(context.Context) error) error {
	for wait := firstWait; ; wait = min(2*wait, lastWait) {
		err := f(ctx)
		if err == nil || ctx.Err() != nil || ends(err) {
			return err
		}
		trouble(err)
		if !sleep(ctx, wait, nil) {
			return err
		}
	}
}

// sleep waits for d or for a wake-up. It returns false if ctx has ended.
func sleep(ctx context.Context, d time.Duration, wake <-chan struct{}) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-wake:
	case <-ctx.Done():
		return false
	}
	return true
}

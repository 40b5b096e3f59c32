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

// lasting has the classes of errors that do not heal by themselves: missing feature, authorization,
// database or table, or a wrong statement.
var lasting = []string{"0A", "28", "3D", "3F", "42"}

// Heals reports whether an error of a call can pass by itself: the server is away, restarts, or is
// full. Errors of the classes 0A, 28, 3D, 3F and 42 do not pass, nor does a pool that is closed. See
// [Ends].
func Heals(err error) bool {
	var refused *pgconn.PgError
	if !errors.As(err, &refused) {
		return !strings.Contains(err.Error(), "closed pool") // pgxpool exports no such error
	}
	for _, class := range lasting {
		if strings.HasPrefix(refused.Code, class) {
			return false
		}
	}
	return true
}

// data has the classes of errors that the data of a row can cause.
var data = []string{"21", "22", "23", "54", "P0"}

// ofData reports whether a row may be faulty. If pgx cannot encode a value, the error has no type
// of its own, and a COPY ends as if the client had canceled it.
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
// calls trouble with each other error.
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

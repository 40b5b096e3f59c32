package natsio

import (
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// ErrGone is matched by the error of a source whose consumer, or the stream of it, has been missing
// for 5 seconds. A server that starts may not know a consumer yet.
var ErrGone = errors.New("natsio: consumer is gone")

// gone is the time for which a consumer must be missing.
const gone = 5 * time.Second

// Heals reports whether an error of a source can pass by itself: a connection that is lost, or a
// server that restarts. [ErrGone] does not pass. Neither does a connection that is closed, nor a
// consumer that does not let the source fetch, such as one with priority groups. See [Ends].
func Heals(err error) bool {
	for _, lasts := range []error{ErrGone, nats.ErrConnectionClosed, jetstream.ErrInvalidOption, jetstream.ErrBadRequest} {
		if errors.Is(err, lasts) {
			return false
		}
	}
	return true
}

// lasts reports whether an error does not heal.
func lasts(err error) bool { return !Heals(err) }

// absence records how long a consumer has been missing.
type absence struct{ since time.Time }

// over returns err, or an error that matches ErrGone if the consumer has been missing for too long.
func (a *absence) over(err error) error {
	if a.since.IsZero() {
		a.since = time.Now()
	}
	if time.Since(a.since) <= gone {
		return err
	}
	return fmt.Errorf("%w: %w", ErrGone, err)
}

// interrupts reports whether an error ends a request for messages.
func interrupts(err error) bool {
	return errors.Is(err, nats.ErrNoResponders) || errors.Is(err, jetstream.ErrConsumerDeleted) || errors.Is(err, nats.ErrConnectionClosed)
}

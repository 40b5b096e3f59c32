package natsio

import (
	"errors"
	"fmt"
	"time"
)

// DefaultInFlight is how many messages a source holds, or a sink has in flight, if [InFlight] is
// not set.
const DefaultInFlight = 1000

// SourceOption is an option of a [Source].
type SourceOption interface{ source(*settings) }

// SinkOption is an option of a [Sink].
type SinkOption interface{ sink(*settings) }

// Option is an option of sources and sinks.
type Option interface {
	SourceOption
	SinkOption
}

type settings struct {
	inFlight int
	renew    time.Duration
	confirm  time.Duration
	ends     func(error) bool
}

func (s settings) validate() error {
	var all []error
	if s.inFlight < 1 {
		all = append(all, fmt.Errorf("messages in flight must be at least 1, not %d", s.inFlight))
	}
	if s.renew < 0 {
		all = append(all, errors.New("interval of renewals is negative"))
	}
	if s.confirm <= 0 {
		all = append(all, errors.New("time for a confirmation is not positive"))
	}
	if s.ends == nil {
		all = append(all, errors.New("function of Ends is nil"))
	}
	return errors.Join(all...)
}

type inFlight int

func (n inFlight) source(s *settings) { s.inFlight = int(n) }
func (n inFlight) sink(s *settings)   { s.inFlight = int(n) }

// InFlight bounds how many messages a source holds that are not settled, including those it has
// fetched ahead. For a sink it bounds how many messages wait for their confirmation.
func InFlight(n int) Option { return inFlight(n) }

type renew time.Duration

func (d renew) source(s *settings) { s.renew = time.Duration(d) }

// Renew sets how often the source tells the server that what it holds is in progress. It is a third
// of the consumer's AckWait if it is not set. If it is longer than AckWait, an item that takes
// longer than AckWait comes again.
func Renew(every time.Duration) SourceOption { return renew(every) }

type ends func(error) bool

func (f ends) source(s *settings) { s.ends = f }

// Ends sets which errors of a source end the run. By default those for which [Heals] is false do.
// After any other error the source continues, and [stages.Health] shows the error. The function may
// be called from any goroutine. This one ends the run as soon as the consumer is deleted:
//
//	natsio.Ends(func(err error) bool {
//		return !natsio.Heals(err) || errors.Is(err, jetstream.ErrConsumerDeleted)
//	})
func Ends(f func(error) bool) SourceOption { return ends(f) }

type confirm time.Duration

func (d confirm) sink(s *settings) { s.confirm = time.Duration(d) }

// Confirm sets how long a sink waits for the confirmation of a message, 10 seconds if it is not
// set. After that the message goes back to its source.
func Confirm(within time.Duration) SinkOption { return confirm(within) }

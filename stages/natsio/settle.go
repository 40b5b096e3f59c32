package natsio

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/weir-go/weir/stages"
)

// retryFailed is the delay of a message that failed without a policy.
const retryFailed = pause

// Terminate returns an error that ends a message at the server: it is not handed out again. A
// function, a policy or a sink returns it. The run continues, and the ledger counts the message as
// handed back. The server makes the reason known in an advisory.
func Terminate(reason string) error {
	return &stages.HandBackError{Err: &terminated{reason}}
}

type terminated struct{ reason string }

func (t *terminated) Error() string { return "terminated: " + t.reason }

// settle tells the server the outcome of a message.
func (s *source) settle(l *lease, err error) {
	held, lost := s.held.release(l)
	if !held {
		return
	}
	s.answered.Store(true)
	m := l.msg
	l.msg = nil // leases are allocated together: this one must not keep its message
	after, back := stages.HandedBack(err)
	var t *terminated
	switch {
	case err == nil:
		err = m.Ack() // also counts if the lease is lost: the work is done
	case errors.As(err, &t):
		err = m.TermWithReason(t.reason)
	case lost: // another member may have the message: an answer would end that delivery
		err = nil
	case back && after <= 0:
		err = m.Nak()
	case back:
		err = m.NakWithDelay(after)
	default:
		err = m.NakWithDelay(retryFailed)
	}
	if err != nil {
		s.trouble(fmt.Errorf("natsio: acknowledge: %w", err))
	}
}

// ID returns a name for a message that is the same at each delivery: its stream and its number.
// Set it in the header [jetstream.MsgIDHeader] of a message that you make from m. Then a stream
// drops the repeat if m is worked on twice.
func ID(m jetstream.Msg) string {
	meta, err := m.Metadata()
	if err != nil {
		return ""
	}
	return id(meta)
}

func id(meta *jetstream.MsgMetadata) string {
	name := make([]byte, 0, 64)
	name = append(append(name, meta.Stream...), '-')
	return string(strconv.AppendUint(name, meta.Sequence.Stream, 10))
}

package stages

import (
	"errors"
	"fmt"
)

// Option sets a knob of a stage.
type Option func(*settings)

type settings struct {
	workers   int
	unordered bool
	hold      bool
	faults    []error
}

func newSettings(opts []Option) settings {
	s := settings{workers: 1}
	for _, o := range opts {
		if o == nil {
			s.faults = append(s.faults, errors.New("an option is nil"))
			continue
		}
		o(&s)
	}
	return s
}

// validate reports what the options got wrong.
func (s *settings) validate() error {
	if s.workers < 1 {
		s.faults = append(s.faults, fmt.Errorf("workers must be at least 1, not %d", s.workers))
	}
	return errors.Join(s.faults...)
}

// Workers makes a stage call its function from n goroutines; 1 unless set.
// Items still leave in the order they came, unless [Unordered] is set.
func Workers(n int) Option { return func(s *settings) { s.workers = n } }

// Unordered lets items leave a stage in the order they are done, so that a slow
// one holds up no other.
func Unordered() Option { return func(s *settings) { s.unordered = true } }

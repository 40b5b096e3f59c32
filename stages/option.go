package stages

import (
	"errors"
	"fmt"
	"time"

	"github.com/weir-go/weir/primitives/retry"
)

// Option sets a knob of a stage.
type Option func(*Settings)

// Settings is what the options of a stage add up to. The zero value of a field
// stands for the default. A stage of your own takes the same options by calling
// [Apply].
type Settings struct {
	// Workers is from how many goroutines a function is called.
	Workers int
	// Unordered lets items leave in the order they are done.
	Unordered bool
	// Hold makes a breaker keep what it does not admit.
	Hold bool
	// Drain is what becomes of items that wait for a retry at a stop.
	Drain Drain
	// Hedge makes the copies of calls that do not answer; nil for none.
	Hedge retry.Source
	// Name is the stage's name in its flow.
	Name string
	// Buffer bounds the edge that leads to the stage, in items.
	Buffer int
	// Overflow says what happens to an item that finds that edge full.
	Overflow OverflowPolicy

	// Knobs of single operators. A function of items is kept as it was given, and
	// the operator, which knows their type, checks it; see [itemFunc].
	weightLimit, capacity   int
	maxWait, lateness, idle time.Duration
	weigh, time, late, keys any

	faults []error
}

// Apply returns the settings that opts make.
func Apply(opts ...Option) Settings {
	s := Settings{Workers: 1}
	for _, o := range opts {
		if o == nil {
			s.faults = append(s.faults, errors.New("an option is nil"))
			continue
		}
		o(&s)
	}
	return s
}

// Validate implements [Validator]: it returns what the options got wrong.
func (s Settings) Validate() error {
	return errors.Join(append(s.faults, checkWorkers(s.Workers), checkHedge(s.Hedge))...)
}

// checkWorkers refuses numbers of workers that cannot be meant.
func checkWorkers(n int) error {
	if n > maxWorkers {
		return fmt.Errorf("workers must be at most %d, not %d", maxWorkers, n)
	}
	return atLeastOne("workers", n)
}

// atLeastOne refuses numbers below 1.
func atLeastOne(what string, n int) error {
	if n < 1 {
		return fmt.Errorf("%s must be at least 1, not %d", what, n)
	}
	return nil
}

// Workers makes a stage call its function from n goroutines; 1 unless set.
// Items still leave in the order they came, unless [Unordered] is set.
func Workers(n int) Option { return func(s *Settings) { s.Workers = n } }

// Unordered lets items leave a stage in the order they are done, so that a slow
// one holds up no other.
func Unordered() Option { return func(s *Settings) { s.Unordered = true } }

// Hold makes a [Breaker] keep the items that find it open, until it admits them.
func Hold() Option { return func(s *Settings) { s.Hold = true } }

// Name names the stage in its flow, where it would else get a name of its kind.
func Name(name string) Option { return func(s *Settings) { s.Name = name } }

// Buffer bounds the edge that leads to the stage: at most n items are between
// the two stages, handed over by the one and not finished by the other. The
// policy says what happens when it is full, [Block] where there is none; with
// one that drops, the buffer is a stage of its own, see [Overflow].
func Buffer(n int, policy ...OverflowPolicy) Option {
	return func(s *Settings) {
		s.Buffer = n
		s.check(atLeastOne("buffer", n))
		s.check(needs(len(policy) > 1, "a buffer has one overflow policy"))
		for _, p := range policy {
			s.Overflow = p
			s.check(p.validate())
		}
	}
}

// check keeps what is wrong with an option.
func (s *Settings) check(err error) {
	if err != nil {
		s.faults = append(s.faults, err)
	}
}

// itemFunc returns the function f of an option, which must be of type F; nil
// where it was not given.
func itemFunc[F any](option string, f any) (fn F, err error) {
	if f == nil {
		return fn, nil
	}
	fn, ok := f.(F)
	if !ok {
		return fn, fmt.Errorf("%s has a %T, and the items of the stage need a %T", option, f, fn)
	}
	return fn, nil
}

package stages

import (
	"errors"
	"fmt"
	"time"

	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/primitives/retry"
)

// Settings is what the options of a stage add up to. The zero value of a field stands for
// the default. A stage of your own takes the options of another one by calling [Apply].
type Settings struct {
	// Name is the stage's name in its flow.
	Name string
	// Buffer bounds the edge that leads to the stage, in items.
	Buffer int
	// Overflow says what happens to an item that finds that edge full.
	Overflow OverflowPolicy

	// Workers is from how many goroutines a function is called.
	Workers int
	// Unordered lets items leave in the order in which they are done.
	Unordered bool
	// Hedge makes the copies of calls that do not answer; nil for none.
	Hedge retry.Source

	// Hold makes a breaker keep what it does not admit.
	Hold bool
	// Drain is what happens to items that wait for a retry when the flow is stopped.
	Drain Drain

	// Capacity bounds how many items a Window or a Delay keeps, or keys a Unique.
	Capacity int
	// MaxWait bounds how long a Debounce holds items back.
	MaxWait time.Duration
	// WeightLimit bounds what the items of a Batch weigh together. Weigh is a func(T) int.
	WeightLimit int
	Weigh       any
	// EventTime is a func(T) time.Time, and Lateness what it is given to be late.
	EventTime any
	Lateness  time.Duration
	// Idleness closes the event-time windows of a stream that is quiet for so long.
	Idleness time.Duration
	// MaxDeliveries bounds how often a HandBack gives an item back; 0 for no bound.
	MaxDeliveries int
	// Late is a func(context.Context, T) error of a Window. Key is what [PerKey] makes.
	Late, Key any

	faults []error
}

// Option is any option. Each stage takes options of a type of its own, so an option that
// it does not have does not compile.
type Option interface{ apply(*Settings) }

// The options of a stage, by what takes them.
type (
	// StageOption is an option of every stage and sink: [Name], [Buffer].
	StageOption interface {
		Option
		forStage()
	}
	// SourceOption is an option of a source: [Name].
	SourceOption interface {
		Option
		forSource()
	}
	// MapOption is an option of a Map, a Filter and the call of a section: [Workers],
	// [Unordered], [Hedge], and those of every stage.
	MapOption interface {
		Option
		forMap()
	}
	// BulkOption is an option of a MapBatch and a ForEachBatch: [Workers], [Unordered], and
	// those of every stage.
	BulkOption interface {
		Option
		forBulk()
	}
	// LanesOption is an option of Lanes: [Workers], and those of every stage.
	LanesOption interface {
		Option
		forLanes()
	}
	// BatchOption is an option of a Batch: [Weight], and those of every stage.
	BatchOption interface {
		Option
		forBatch()
	}
	// WindowOption is an option of a Window: [EventTime], [Idleness], [Late], [PerKey],
	// [Capacity], and those of every stage.
	WindowOption interface {
		Option
		forWindow()
	}
	// DelayOption is an option of a Delay: [Capacity], and those of every stage.
	DelayOption interface {
		Option
		forDelay()
	}
	// UniqueOption is an option of a Unique: [Capacity], and those of every stage.
	UniqueOption interface {
		Option
		forUnique()
	}
	// DebounceOption is an option of a Debounce: [MaxWait], and those of every stage.
	DebounceOption interface {
		Option
		forDebounce()
	}
	// HandBackOption is an option of a HandBack: [MaxDeliveries], and those of every stage.
	HandBackOption interface {
		Option
		forHandBack()
	}
	// BreakerOption is an option of a Breaker layer: [Hold].
	BreakerOption interface {
		Option
		forBreaker()
	}
	// RetryOption is an option of a Retry layer: [OnDrain].
	RetryOption interface {
		Option
		forRetry()
	}
)

// Apply returns the settings that the options make.
func Apply[O Option](opts ...O) Settings {
	s := Settings{Workers: 1}
	for _, o := range opts {
		if any(o) == nil {
			s.faults = append(s.faults, errors.New("an option is nil"))
			continue
		}
		o.apply(&s)
	}
	return s
}

// Validate implements [Validator]: it returns what the options got wrong.
func (s Settings) Validate() error {
	return errors.Join(append(s.faults, kernel.CheckWorkers(s.Workers), checkHedge(s.Hedge))...)
}

func checkHedge(source retry.Source) error {
	if source == nil {
		return nil
	}
	r, err := source.Retrier()
	if err == nil && !r.Hedges() {
		err = errors.New("hedge policy is made without retry.Hedge")
	}
	return err
}

func (s *Settings) check(fault bool, format string, args ...any) {
	if fault {
		s.faults = append(s.faults, fmt.Errorf(format, args...))
	}
}

// option is how options are made: a change of the settings, with the methods that say what
// takes it.
type option func(*Settings)

func (o option) apply(s *Settings) { o(s) }

// Options that one kind of stage takes.
type (
	mapOption      struct{ option }
	batchOption    struct{ option }
	windowOption   struct{ option }
	debounceOption struct{ option }
	handBackOption struct{ option }
	breakerOption  struct{ option }
	retryOption    struct{ option }
)

func (mapOption) forMap()           {}
func (batchOption) forBatch()       {}
func (windowOption) forWindow()     {}
func (debounceOption) forDebounce() {}
func (handBackOption) forHandBack() {}
func (breakerOption) forBreaker()   {}
func (retryOption) forRetry()       {}

// stageOption is an option that every stage takes.
type stageOption struct{ option }

func (stageOption) forStage()    {}
func (stageOption) forMap()      {}
func (stageOption) forBulk()     {}
func (stageOption) forLanes()    {}
func (stageOption) forBatch()    {}
func (stageOption) forWindow()   {}
func (stageOption) forDelay()    {}
func (stageOption) forUnique()   {}
func (stageOption) forDebounce() {}
func (stageOption) forHandBack() {}

// NameOption is the option [Name], which sources also take.
type NameOption struct{ stageOption }

func (NameOption) forSource() {}

// Name sets the name of a stage. Without it the stage is named after its kind.
func Name(name string) NameOption {
	return NameOption{stageOption{func(s *Settings) { s.Name = name }}}
}

// BufferOption is the option [Buffer].
type BufferOption struct{ stageOption }

// Buffer bounds the edge that leads to the stage. It holds at most n items that the stage before
// has sent and this stage has not finished. The default is [DefaultBuffer]. If the edge is full,
// the stage before waits, unless a policy says otherwise. A buffer that drops items is a stage of
// its own, named after this one and "-buffer".
func Buffer(n int, policy ...OverflowPolicy) BufferOption {
	return BufferOption{stageOption{func(s *Settings) {
		s.Buffer = n
		s.check(n < 1, "buffer must be at least 1, not %d", n)
		s.check(len(policy) > 1, "a buffer has one overflow policy")
		for _, p := range policy {
			s.Overflow = p
			s.check(p < Block || p > DropOldest, "there is no %v", p)
		}
	}}}
}

// DefaultBuffer is the bound of an edge, in items, if none is set.
const DefaultBuffer = 256

// WorkersOption is the option [Workers].
type WorkersOption struct{ option }

func (WorkersOption) forMap()   {}
func (WorkersOption) forBulk()  {}
func (WorkersOption) forLanes() {}

// Workers makes a stage call its function from n goroutines; 1 unless set. Items still
// leave in the order in which they came, unless [Unordered] is set. A stage holds at most
// 16 items per worker for that, and at least 64.
func Workers(n int) WorkersOption { return WorkersOption{func(s *Settings) { s.Workers = n }} }

// UnorderedOption is the option [Unordered].
type UnorderedOption struct{ option }

func (UnorderedOption) forMap()  {}
func (UnorderedOption) forBulk() {}

// Unordered lets items leave a stage in the order in which they are done, so that a slow item does
// not delay others.
func Unordered() UnorderedOption {
	return UnorderedOption{func(s *Settings) { s.Unordered = true }}
}

// Hedge makes a stage call its function once more if a call has not answered for a while. The
// first answer counts, and the contexts of the other calls end. source is a policy, such as
// retry.None(retry.Hedge(50*time.Millisecond, 2)). A *retry.Retrier made of a policy can be shared
// and observed.
//
// All copies are one call to the layers of a section and hold one worker: they need no
// second permit and pay no rate twice. A service can therefore see as many calls at a time
// as there are workers and copies. The call ends when all copies have returned, so the
// function must heed its context. Retries of the policy hold the worker while they wait.
func Hedge(source retry.Source) MapOption {
	return mapOption{func(s *Settings) {
		s.check(source == nil, "hedge is nil")
		s.Hedge = source
	}}
}

// MaxDeliveries leaves an item failed that its source has delivered n times or more: a HandBack
// stage does not give it back again. Without it an item that always fails is delivered again and
// again. The source must know how often it has delivered an item; see [Receipt.Deliveries].
func MaxDeliveries(n int) HandBackOption {
	return handBackOption{func(s *Settings) {
		s.MaxDeliveries = n
		s.check(n < 1, "the number of deliveries must be at least 1, not %d", n)
	}}
}

// Hold makes a Breaker layer keep the items that find it open, until it admits them: the
// stream pauses while the service is down.
func Hold() BreakerOption { return breakerOption{func(s *Settings) { s.Hold = true }} }

// OnDrain says what a Retry layer does with items that wait for their next try when the intake
// stops, and with items that fail while the flow drains. It has no effect if the sources end by
// themselves. An item that is given up fails with [ErrDrained] and the *[retry.Error] of its tries.
func OnDrain(d Drain) RetryOption {
	return retryOption{func(s *Settings) {
		s.Drain = d
		s.check(d < DrainRunNow || d > DrainWait, "there is no %v", d)
	}}
}

// Drain says what happens to the items that wait for their next try when the flow is stopped; see
// [OnDrain].
type Drain int

const (
	// DrainRunNow cuts their waits short: each gets one more try, at once, and is given up
	// if that fails. It is the default.
	DrainRunNow Drain = iota
	// DrainFail gives them up, without another try.
	DrainFail
	// DrainHandBack gives them back to their source, without another try: they fail with
	// [ErrHandedBack].
	DrainHandBack
	// DrainWait lets them wait and try for as long as the policy says, or until the flow is
	// aborted.
	DrainWait
)

// String returns the name of d in lower case.
func (d Drain) String() string {
	switch d {
	case DrainRunNow:
		return "run now"
	case DrainFail:
		return "fail"
	case DrainHandBack:
		return "hand back"
	case DrainWait:
		return "wait"
	}
	return fmt.Sprintf("drain mode %d", int(d))
}

// CapacityOption is the option [Capacity].
type CapacityOption struct{ option }

func (CapacityOption) forWindow() {}
func (CapacityOption) forDelay()  {}
func (CapacityOption) forUnique() {}

// DefaultKept is how many items a Window or a Delay keeps, and how many keys a Unique, if
// [Capacity] is not set.
const DefaultKept = 1 << 16

// Capacity bounds how many items a Window or a Delay keeps, and how many keys a Unique.
func Capacity(n int) CapacityOption {
	return CapacityOption{func(s *Settings) {
		s.Capacity = n
		s.check(n < 1, "capacity must be at least 1, not %d", n)
	}}
}

// MaxWait bounds how long a Debounce holds back items that keep coming.
func MaxWait(d time.Duration) DebounceOption {
	return debounceOption{func(s *Settings) {
		s.MaxWait = d
		s.check(d <= 0, "the longest wait must be positive, not %v", d)
	}}
}

// Weight bounds what the items of a Batch weigh together. An item that weighs more goes
// alone. T must be the type of the items, or the flow is not valid. A negative weight, or a
// panic of the function, fails the item.
func Weight[T any](limit int, of func(T) int) BatchOption {
	return batchOption{func(s *Settings) {
		s.WeightLimit, s.Weigh = limit, of
		s.check(limit < 1, "weight limit must be at least 1, not %d", limit)
		s.check(of == nil, "weight function is nil")
	}}
}

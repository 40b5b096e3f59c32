package breaker_test

import (
	"math"
	"slices"
	"time"

	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/outcome"
)

// setup is what a breaker and its model are made of. A rule that is zero is none.
type setup struct {
	row        int
	m, n       int // OutOf
	rate, slow share
	within     int
	last       time.Duration // of Within
	hung       time.Duration
	hangs      int
	probes     int
	limit      int // ProbeLimit; 0: none
	passes, of int
	longest    time.Duration // of Escalate; 0: none
	healthy    time.Duration
	obey       time.Duration
	ramp       time.Duration
	recovery   time.Duration
	gate       time.Duration // what the gate says; set by the script
}

type share struct {
	of     time.Duration // how long a slow call takes
	ratio  float64
	window time.Duration
	min    int
}

// model is what the breaker promises, without any of its ways: it keeps every
// outcome and counts them again each time.
type model struct {
	setup

	now        time.Duration
	mode       breaker.Mode
	state      breaker.State
	generation uint64
	failures   int
	until      time.Duration // open
	told       time.Duration
	closedAt   time.Duration
	openings   int

	ended   []ended // in this generation
	flights []*call
	out     []*call // probes with a slot
	late    []*call // probes whose slot went to others
	made    int     // probes in this state
	passed  int
	failed  int
	gated   time.Duration // until when the gate has all calls rejected
	rampEnd time.Duration
	ramped  uint64 // calls that asked while it lasted

	rejected, stale uint64
	changes         int
}

type ended struct {
	at     time.Duration
	failed bool
	timed  bool
	took   time.Duration
}

// call is a token: generation 0 is none.
type call struct {
	generation uint64
	begun, end time.Duration
	witness    bool
}

func newModel(s setup) *model { return &model{setup: s, generation: 1} }

// to is every transition.
func (m *model) to(s breaker.State, failures int) {
	if m.state != s {
		m.changes++
	}
	m.state, m.failures = s, failures
	m.ended, m.flights, m.out, m.late = nil, nil, nil, nil
	m.made, m.passed, m.failed, m.gated, m.rampEnd = 0, 0, 0, 0, 0
	m.generation++
	if s == breaker.Closed {
		m.closedAt, m.told = m.now, 0
	}
}

// open is an opening that the breaker finds out about by itself.
func (m *model) open(failures int) {
	m.settle()
	d := m.recovery
	if m.longest > 0 {
		d = time.Duration(min(float64(m.longest), float64(d)*math.Pow(2, float64(m.openings))))
	}
	m.openings++
	d = max(d, m.told-m.now)
	m.shut(d, failures)
}

// settle ends a row of openings with a healthy period.
func (m *model) settle() {
	if m.state == breaker.Closed && m.now-m.closedAt >= m.healthy {
		m.openings = 0
	}
}

// openFor is an opening from outside.
func (m *model) openFor(d time.Duration, failures int) {
	m.settle()
	m.shut(d, failures)
}

func (m *model) shut(d time.Duration, failures int) {
	m.to(breaker.Open, failures)
	m.until, m.told = m.now+max(d, 0), 0
}

// close is what probes do.
func (m *model) close() {
	m.to(breaker.Closed, 0)
	if m.ramp > 0 {
		m.rampEnd, m.ramped = m.now+m.ramp, 0
	}
}

func (m *model) reset() {
	m.to(breaker.Closed, 0)
	m.openings = 0
}

func (m *model) fixed() bool { return m.mode == breaker.Disabled || m.mode == breaker.ForcedOpen }

func (m *model) setMode(mode breaker.Mode) {
	from := m.fixed()
	if m.mode == mode {
		return
	}
	m.mode = mode
	switch {
	case mode == breaker.ForcedOpen:
		m.openFor(math.MaxInt64/2, m.failures)
	case from || mode == breaker.Disabled:
		m.reset()
	}
}

func (m *model) hanging() bool {
	n := 0
	for _, c := range m.flights {
		if m.now-c.begun >= m.hung {
			n++
		}
	}
	return m.hangs > 0 && n >= m.hangs
}

func (m *model) visible() breaker.State {
	switch {
	case m.state == breaker.Open && m.mode != breaker.ForcedOpen && m.now >= m.until:
		return breaker.HalfOpen
	case m.state == breaker.Closed && m.hanging(), m.undecided():
		if m.recovery == 0 && m.told <= m.now {
			return breaker.HalfOpen
		}
		return breaker.Open
	}
	return m.state
}

// look does what is due when a call asks.
func (m *model) look() {
	if m.state == breaker.Closed && m.hanging() || m.undecided() {
		m.open(m.failures)
	}
	if m.state == breaker.Open && m.visible() == breaker.HalfOpen {
		m.to(breaker.HalfOpen, m.failures)
	}
}

// undecided says that the limit of probes is used up, and that none is out any more
// whose lease goes on.
func (m *model) undecided() bool {
	return m.state == breaker.HalfOpen && m.limit > 0 && m.made == m.limit &&
		!slices.ContainsFunc(m.out, func(c *call) bool { return c.end > m.now })
}

// allow returns the token, which is zero if a shadow lets a call pass.
func (m *model) allow() (call, bool) {
	if m.mode == breaker.Disabled {
		return call{}, true
	}
	if c, ok := m.admit(); ok {
		return c, true
	}
	m.rejected++
	return call{}, m.mode == breaker.Shadow
}

func (m *model) admit() (call, bool) {
	held := m.state == breaker.Closed && m.heldBack()
	m.look()
	if held && m.state == breaker.Closed {
		return call{}, false
	}
	c := &call{generation: m.generation, begun: m.now, end: m.now + modelLease}
	switch m.state {
	case breaker.Closed:
		m.flights = append(m.flights, c)
		return *c, true
	case breaker.HalfOpen:
		return *c, m.takeSlot(c)
	}
	return call{}, false
}

func (m *model) heldBack() bool {
	if m.now >= m.rampEnd {
		m.rampEnd = 0
		return false
	}
	n := m.ramped
	m.ramped++
	_, place := math.Modf(float64(n) * (math.Sqrt(5) - 1) / 2)
	return place >= m.share()
}

func (m *model) share() float64 {
	if m.now >= m.rampEnd {
		return 1
	}
	return max(1-float64(m.rampEnd-m.now)/float64(m.ramp), 0.01)
}

func (m *model) takeSlot(c *call) bool {
	if m.now < m.gated || m.limit > 0 && m.made == m.limit {
		return false
	}
	full := len(m.out) >= m.probes
	if full && m.out[0].end > m.now {
		return false
	}
	if full {
		m.late = append(m.late, m.out[0])
		m.out = m.out[1:]
	}
	if m.gate > 0 && m.mode != breaker.Shadow {
		m.gated = m.now + m.gate
		return false
	}
	m.out = append(m.out, c)
	m.made++
	return true
}

// witness is an outcome that was seen outside of any call.
func (m *model) witness(kind outcome.Kind) {
	if m.fixed() {
		return
	}
	m.look()
	m.record(&call{generation: m.generation, witness: true}, outcome.Outcome{Kind: kind})
}

func (m *model) record(c *call, o outcome.Outcome) {
	was := *c
	*c = call{}
	if was.generation == 0 {
		return
	}
	if was.generation != m.generation {
		m.stale++
		return
	}
	m.land(was)
	switch o.Kind {
	case outcome.Ignored, outcome.Permanent:
		if m.undecided() && !was.witness {
			m.open(m.failures)
		}
		return
	case outcome.Throttled:
		if after := min(o.After, m.obey); after > 0 {
			m.told = max(m.told, m.now+after)
		}
	}
	e := ended{m.now, o.Kind != outcome.Success, !was.witness, m.now - was.begun}
	switch m.state {
	case breaker.Closed:
		m.count(e)
	case breaker.HalfOpen:
		m.judge(e)
	}
}

// land takes a call out of all lists.
func (m *model) land(c call) {
	for _, list := range []*[]*call{&m.flights, &m.out, &m.late} {
		i := slices.IndexFunc(*list, func(other *call) bool { return *other == c })
		if i < 0 {
			continue
		}
		*list = slices.Delete(*list, i, i+1)
		if list != &m.flights {
			m.gated = 0
		}
		return // calls that began at the same time are alike
	}
}

func (m *model) count(e ended) {
	m.ended = append(m.ended, e)
	row := 0
	if e.failed {
		row = m.failures + 1
	}
	if m.met(e) || e.failed && m.row > 0 && row >= m.row {
		if !e.failed {
			row = m.failures
		}
		m.open(row)
		return
	}
	m.failures = row
}

// met reports that e has met one of the rules with a memory.
func (m *model) met(e ended) bool {
	if m.within > 0 && e.failed && m.recent() >= m.within {
		return true
	}
	bad, total := m.counted(m.rate)
	if m.rate.min > 0 && e.failed && total >= m.rate.min && float64(bad) >= m.rate.ratio*float64(total) {
		return true
	}
	bad, total = m.counted(m.slow)
	if m.slow.min > 0 && e.timed && e.took >= m.slow.of && total >= m.slow.min && float64(bad) >= m.slow.ratio*float64(total) {
		return true
	}
	return m.n > 0 && e.failed && m.outOf() >= m.m
}

// recent is how many calls failed within the duration of the rule.
func (m *model) recent() (bad int) {
	for _, e := range m.ended {
		if e.failed && m.now-e.at <= m.last {
			bad++
		}
	}
	return bad
}

// counted returns what is in the window of a rule.
func (m *model) counted(s share) (bad, total int) {
	if s.min == 0 {
		return 0, 0
	}
	step := s.window / 16
	for _, e := range m.ended {
		if e.at/step <= m.now/step-16 || s.of > 0 && !e.timed {
			continue
		}
		total++
		if s.of == 0 && e.failed || s.of > 0 && e.took >= s.of {
			bad++
		}
	}
	return bad, total
}

func (m *model) outOf() (bad int) {
	for _, e := range m.ended[max(len(m.ended)-m.n, 0):] {
		if e.failed {
			bad++
		}
	}
	return bad
}

func (m *model) judge(e ended) {
	if e.failed || m.slow.min > 0 && e.timed && e.took >= m.slow.of {
		m.failed++
	} else {
		m.passed++
	}
	m.gated = 0
	switch {
	case m.passed >= m.passes:
		m.close()
	case m.failed > m.of-m.passes:
		m.open(m.failures + m.failed)
	case m.undecided():
		m.open(m.failures)
	}
}

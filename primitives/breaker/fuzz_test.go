package breaker_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/outcome"
)

// FuzzModel runs a script against the breaker and against the model below,
// which is the same machine written down without regard to cost, and compares
// all that can be seen after each step. A byte is a step: the low 3 bits say
// what, the others are its argument.
func FuzzModel(f *testing.F) {
	f.Add(byte(3), byte(1), []byte("\x01\x01\x01\x04\x24\x00\x00"))
	f.Add(byte(1), byte(2), []byte("\x00\x08\x01\xff\x00\x00\x01\x09\x11\x05\x06\x07"))
	f.Add(byte(2), byte(1), []byte("\x00\x00\x00\x05\xfc\x00\x09\x11\x02\x03\x04\x06"))
	f.Add(byte(0), byte(0), []byte("\x01\x44\x00\x44\x00\x44\x00\x02\x12\x01"))
	f.Fuzz(func(t *testing.T, threshold, probes byte, script []byte) {
		if len(script) > 200 {
			t.Skip()
		}
		synctest.Test(t, func(t *testing.T) {
			d := newDuel(t, int(threshold%5)+1, int(probes%3)+1)
			for _, step := range script {
				d.step(t, step&7, int(step>>3))
				d.compare(t)
			}
		})
	})
}

// duel is a breaker, its model, and the calls under way in both.
type duel struct {
	real   *breaker.Breaker
	model  *model
	tokens []breaker.Token
	calls  []call
	seen   []breaker.Change
}

func newDuel(t *testing.T, threshold, probes int) *duel {
	d := &duel{model: &model{threshold: threshold, limit: probes, generation: 1}}
	b, err := breaker.New(breaker.Consecutive("fuzz", threshold, modelWindow,
		breaker.Probes(probes), breaker.Lease(modelLease),
		breaker.OnChange(func(c breaker.Change) { d.seen = append(d.seen, c) })))
	require.NoError(t, err)
	d.real = b
	return d
}

func (d *duel) step(t *testing.T, what byte, arg int) {
	switch what {
	case 0:
		token, err := d.real.Allow()
		c, ok := d.model.allow()
		require.Equal(t, ok, err == nil)
		if ok {
			d.tokens, d.calls = append(d.tokens, token), append(d.calls, c)
		}
	case 1, 2, 3:
		if len(d.tokens) == 0 {
			return
		}
		i := arg % len(d.tokens)
		err := []error{nil, errDown, outcome.AsIgnored(errDown)}[what-1]
		d.real.Record(t.Context(), &d.tokens[i], err)
		d.model.record(&d.calls[i], outcome.Classify(t.Context(), err).Kind)
	case 4:
		time.Sleep(time.Duration(arg) * time.Second)
		d.model.now += time.Duration(arg) * time.Second
	case 5:
		d.real.Trip()
		d.model.to(breaker.Open, d.model.failures)
	case 6:
		d.real.Reset()
		d.model.to(breaker.Closed, 0)
	case 7:
		d.manual(arg)
	}
}

func (d *duel) manual(arg int) {
	d.model.ripen()
	c := call{generation: d.model.generation}
	if arg%2 == 0 {
		d.real.RecordSuccess()
		d.model.record(&c, outcome.Success)
	} else {
		d.real.RecordFailure()
		d.model.record(&c, outcome.Failure)
	}
}

func (d *duel) compare(t *testing.T) {
	got, m := d.real.Snapshot(), d.model
	require.Equal(t, m.visible(), got.State)
	require.Equal(t, got.State, d.real.State())
	require.Equal(t, m.failures, got.Failures)
	require.Equal(t, m.generation, got.Generation)
	require.Equal(t, len(m.probes), got.Probes)
	require.Equal(t, m.rejected, got.Rejected)
	require.Equal(t, m.stale, got.Stale)
	require.Len(t, d.seen, m.changes)
	from := breaker.Closed
	for _, c := range d.seen {
		require.Equal(t, from, c.From)
		from = c.To
	}
}

const (
	modelWindow = 10 * time.Second
	modelLease  = 7 * time.Second
)

// model is what the breaker promises, without any of its ways.
type model struct {
	threshold, limit int

	now        time.Duration
	state      breaker.State
	generation uint64
	failures   int
	openUntil  time.Duration
	probes     []*probe

	rejected, stale uint64
	changes         int
}

type probe struct{ end time.Duration }

// call is a token: generation 0 is none.
type call struct {
	generation uint64
	probe      *probe
}

func (m *model) to(s breaker.State, failures int) {
	if m.state != s {
		m.changes++
	}
	m.state, m.failures, m.probes = s, failures, nil
	m.generation++
	if s == breaker.Open {
		m.openUntil = m.now + modelWindow
	}
}

func (m *model) visible() breaker.State {
	if m.state == breaker.Open && m.now >= m.openUntil {
		return breaker.HalfOpen
	}
	return m.state
}

func (m *model) ripen() {
	if m.visible() != m.state {
		m.to(breaker.HalfOpen, m.failures)
	}
}

func (m *model) allow() (call, bool) {
	m.ripen()
	switch m.state {
	case breaker.Closed:
		return call{generation: m.generation}, true
	case breaker.HalfOpen:
		if len(m.probes) == m.limit && m.probes[0].end <= m.now {
			m.probes = m.probes[1:]
		}
		if len(m.probes) < m.limit {
			p := &probe{m.now + modelLease}
			m.probes = append(m.probes, p)
			return call{m.generation, p}, true
		}
	}
	m.rejected++
	return call{}, false
}

func (m *model) record(c *call, kind outcome.Kind) {
	ended := *c
	*c = call{}
	switch {
	case ended.generation == 0:
	case ended.generation != m.generation:
		m.stale++
	case kind == outcome.Ignored:
		var left []*probe
		for _, p := range m.probes {
			if p != ended.probe {
				left = append(left, p)
			}
		}
		m.probes = left
	case m.state == breaker.Open:
	case kind == outcome.Success && m.state == breaker.HalfOpen:
		m.to(breaker.Closed, 0)
	case kind == outcome.Success:
		m.failures = 0
	case m.state == breaker.HalfOpen || m.failures+1 == m.threshold:
		m.to(breaker.Open, m.failures+1)
	default:
		m.failures++
	}
}

package breaker_test

import (
	"errors"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/outcome"
)

// FuzzModel runs a script against the breaker and against the model, which is the
// same machine written down without regard to cost, and compares all that can be
// seen after each step. The first bytes say which rules there are and how the
// breaker recovers; each of the others is a step: the low 4 bits say what, the
// others are its argument.
func FuzzModel(f *testing.F) {
	row, all := []byte{3, 0, 0, 0, 0, 0, 0, 0}, []byte{4, 0x35, 0x2b, 0x2d, 0x11, 1, 0x35, 2}
	f.Add(row, []byte("\x01\x01\x01\x04\x24\x00\x00"))
	f.Add(row, []byte("\x00\x00\x02\x02\x00\x02\xf4\xf4\xf4\x00\x11\x05\x06\x07"))
	f.Add([]byte{0, 0x35, 0, 0, 0, 2, 0, 0}, []byte("\x00\x00\x00\x02\x12\x01\x22\x04\x00\x02"))
	f.Add([]byte{0, 0, 0x2b, 0, 0, 0, 0x35, 1}, []byte("\x00\x02\x00\x02\x00\x14\x02\x00\x02\x00\x02\xf4\x00\x01\x00\x00\x00"))
	f.Add([]byte{0, 0, 0, 0x2d, 0, 1, 0, 0}, []byte("\x00\x00\x00\x64\x01\x01\x01\x00\x64\x01"))
	f.Add([]byte{0, 0, 0, 0, 0x11, 0, 0, 0}, []byte("\x00\x00\x00\xf4\x00\x01\x00\xf4\x00"))
	f.Add([]byte{0, 0, 0, 0, 0xc0, 0, 0, 0}, []byte("\x00\x02\x00\x84\x02\x00\x14\x02\x00\x02\x00\x02"))
	f.Add([]byte{1, 0, 0, 0, 0, 0x81, 1, 0}, []byte("\x00\x02\xf4\x64\x00\x00\x03\x13\x00\xf4\xf4\x00\xf4\x64\x00\x54\x00\x07"))
	f.Add(all, []byte("\x00\x02\x00\x38\x02\x00\x29\x00\x1a\x00\x2a\x00\x3a\x00\x0a\x05\xf4\xf4\xf4\x1b\x00\x0b\x54\x00"))
	f.Fuzz(func(t *testing.T, config, script []byte) {
		if len(config) < 8 || len(script) > 300 {
			return
		}
		fight(t, config, script)
	})
}

// A fuzzer is not always at hand: these scripts are drawn at random, but always
// the same.
func TestBreakersFollowTheModel(t *testing.T) {
	for i := range uint64(150) {
		draw := rand.New(rand.NewPCG(i, 0))
		config, script := make([]byte, 8), make([]byte, 200)
		for _, bytes := range [][]byte{config, script} {
			for j := range bytes {
				bytes[j] = byte(draw.Uint32())
			}
		}
		fight(t, config, script)
		if t.Failed() {
			t.Fatalf("script %d", i)
		}
	}
}

func fight(t *testing.T, config, script []byte) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		d := newDuel(t, newSetup(config))
		for _, step := range script {
			d.step(t, step&15, int(step>>4))
			d.compare(t)
		}
	})
}

const (
	modelLease = 7 * time.Second
	modelStep  = 250 * time.Millisecond
)

// newSetup spreads the bytes over what is worth trying.
func newSetup(c []byte) setup {
	s := setup{
		row:      int(c[0] % 5),
		n:        int(c[1]>>4) % 7,
		hangs:    int(c[4] & 3),
		within:   int(c[4] >> 5 & 3),
		last:     time.Duration(c[4]>>7+1) * 2 * time.Second,
		hung:     time.Duration(c[4]>>2%8+1) * time.Second,
		probes:   int(c[5]%3) + 1,
		of:       int(c[5]>>2%4) + 1,
		recovery: time.Duration(c[6]&3) * 5 * time.Second,
		healthy:  time.Duration(c[6]>>2%4) * 10 * time.Second,
		obey:     time.Duration(c[6]>>4%4) * 6 * time.Second,
		ramp:     time.Duration(c[7]%4) * 8 * time.Second,
		rate:     newShare(c[2]),
		slow:     newShare(c[3]),
	}
	s.m = min(int(c[1]&3)+1, s.n)
	if c[5]>>6 > 0 {
		s.limit = s.of + int(c[5]>>6) - 1
	}
	s.passes = min(int(c[5]>>4%4)+1, s.of)
	if s.slow.min > 0 {
		s.slow.of = time.Duration(c[3]>>6+1) * time.Second
	}
	if c[7]&4 != 0 && s.recovery > 0 {
		s.longest = 3 * s.recovery
	} else {
		s.healthy = 0
	}
	if s.row == 0 && s.n == 0 && s.within == 0 && s.rate.min == 0 && s.slow.min == 0 && s.hangs == 0 {
		s.row = 2
	}
	return s
}

func newShare(c byte) share {
	return share{min: int(c & 7), ratio: float64(c>>3&3+1) / 4, window: time.Duration(c>>5&1+1) * 8 * time.Second}
}

// duel is a breaker, its model, and the calls under way in both.
type duel struct {
	real   *breaker.Breaker
	model  *model
	tokens []breaker.Token
	calls  []call
	seen   []breaker.Change
}

func newDuel(t *testing.T, s setup) *duel {
	d := &duel{model: newModel(s)}
	b, err := breaker.New(breaker.On("fuzz", s.recovery, append(s.rules(),
		breaker.Probes(s.probes), breaker.CloseAfter(s.passes, s.of), breaker.Lease(modelLease), breaker.ObeyUpTo(s.obey),
		breaker.ProbeGate(func() time.Duration { return d.model.gate }),
		breaker.OnChange(func(c breaker.Change) { d.seen = append(d.seen, c) }))...))
	require.NoError(t, err)
	d.real = b
	return d
}

func (s setup) rules() (opts []breaker.Option) {
	if s.row > 0 {
		opts = append(opts, breaker.InARow(s.row))
	}
	if s.n > 0 {
		opts = append(opts, breaker.OutOf(s.m, s.n))
	}
	if s.within > 0 {
		opts = append(opts, breaker.Within(s.within, s.last))
	}
	if s.rate.min > 0 {
		opts = append(opts, breaker.Rate(s.rate.ratio, s.rate.window, s.rate.min))
	}
	if s.slow.min > 0 {
		opts = append(opts, breaker.Slow(s.slow.of, s.slow.ratio, s.slow.window, s.slow.min))
	}
	if s.hangs > 0 {
		opts = append(opts, breaker.Hung(s.hung, s.hangs))
	}
	if s.limit > 0 {
		opts = append(opts, breaker.ProbeLimit(s.limit))
	}
	if s.longest > 0 {
		opts = append(opts, breaker.Escalate(s.longest, s.healthy))
	}
	if s.ramp > 0 {
		opts = append(opts, breaker.Ramp(s.ramp))
	}
	return opts
}

func (d *duel) step(t *testing.T, what byte, arg int) {
	switch what {
	case 0, 14, 15:
		token, err := d.real.Allow()
		c, ok := d.model.allow()
		require.Equal(t, ok, err == nil)
		if ok {
			d.tokens, d.calls = append(d.tokens, token), append(d.calls, c)
		} else {
			d.rejected(t, err)
		}
	case 1:
		d.record(t, arg, nil)
	case 2, 13:
		d.record(t, arg, errDown)
	case 3:
		d.record(t, arg, []error{outcome.AsIgnored(errDown), outcome.AsPermanent(errDown)}[arg%2])
	case 4:
		time.Sleep(time.Duration(arg) * modelStep)
		d.model.now += time.Duration(arg) * modelStep
	case 8:
		d.record(t, arg, outcome.AsThrottled(errDown, time.Duration(arg-1)*2*time.Second))
	case 9:
		d.model.gate = time.Duration(arg%4) * time.Second
	case 10:
		d.real.SetMode(breaker.Mode(arg % 5))
		if arg%5 <= int(breaker.ForcedOpen) {
			d.model.setMode(breaker.Mode(arg % 5))
		}
	default:
		d.manual(what, arg)
	}
}

// record ends the call that has been under way for longest, or another one.
func (d *duel) record(t *testing.T, arg int, err error) {
	if len(d.tokens) == 0 {
		return
	}
	i := arg % len(d.tokens)
	d.real.Record(t.Context(), &d.tokens[i], err)
	d.model.record(&d.calls[i], outcome.Classify(t.Context(), err))
	if arg%2 == 0 { // otherwise it may be recorded again, to no effect
		d.tokens = append(d.tokens[:i], d.tokens[i+1:]...)
		d.calls = append(d.calls[:i], d.calls[i+1:]...)
	}
}

func (d *duel) manual(what byte, arg int) {
	m := d.model
	switch what {
	case 5:
		d.real.Trip()
		if !m.fixed() {
			m.openFor(m.recovery, m.failures)
		}
	case 6:
		d.real.Reset()
		if !m.fixed() {
			m.reset()
		}
	case 12:
		d.real.Recover()
		if !m.fixed() && m.state != breaker.Closed {
			m.close()
		}
	case 7:
		if arg%2 == 0 {
			d.real.RecordSuccess()
			m.witness(outcome.Success)
		} else {
			d.real.RecordFailure()
			m.witness(outcome.Failure)
		}
	case 11:
		d.real.OpenFor(time.Duration(arg-1) * time.Second)
		if !m.fixed() {
			m.openFor(time.Duration(arg-1)*time.Second, m.failures)
		}
	}
}

// rejected checks what a rejection says.
func (d *duel) rejected(t *testing.T, err error) {
	m := d.model
	var open *breaker.OpenError
	require.True(t, errors.As(err, &open))
	require.Equal(t, m.visible(), open.State)
	require.Positive(t, open.After())
	require.Equal(t, m.mode == breaker.ForcedOpen, open.Mode == breaker.ForcedOpen)
	if m.state == breaker.Open && m.mode != breaker.ForcedOpen {
		require.Equal(t, m.until-m.now, open.After())
	}
}

func (d *duel) compare(t *testing.T) {
	got, m := d.real.Snapshot(), d.model
	require.Equal(t, m.visible(), got.State, "state")
	require.Equal(t, got.State, d.real.State(), "state and snapshot")
	require.Equal(t, m.mode, got.Mode, "mode")
	require.Equal(t, m.failures, got.Failures, "failures")
	require.Equal(t, m.generation, got.Generation, "generation")
	require.Equal(t, len(m.out), got.Probes, "probes")
	require.Equal(t, m.rejected, got.Rejected, "rejected")
	require.Equal(t, m.stale, got.Stale, "stale")
	require.Equal(t, m.openings, got.Openings, "openings")
	if m.state == breaker.Closed {
		d.compareRules(t, got)
	}
	require.Len(t, d.seen, m.changes)
	from := breaker.Closed
	for _, c := range d.seen {
		require.Equal(t, from, c.From)
		from = c.To
	}
}

func (d *duel) compareRules(t *testing.T, got breaker.Snapshot) {
	m := d.model
	want := map[bool]float64{true: m.share(), false: 1}[got.State == breaker.Closed]
	require.InDelta(t, want, got.Share, 1e-9)
	rules := got.Rules
	next := func(rule bool, bad, total int) {
		if rule {
			require.EqualValues(t, bad, rules[0].Bad, rules[0].Rule)
			require.EqualValues(t, total, rules[0].Total, rules[0].Rule)
			rules = rules[1:]
		}
	}
	next(m.row > 0, m.failures, 0)
	next(m.n > 0, m.outOf(), 0)
	next(m.within > 0, m.recent(), 0)
	bad, total := m.counted(m.rate)
	next(m.rate.min > 0, bad, total)
	bad, total = m.counted(m.slow)
	next(m.slow.min > 0, bad, total)
	if m.hangs > 0 {
		require.Contains(t, rules[0].Rule, "running for")
		rules = rules[1:]
	}
	require.Empty(t, rules)
}

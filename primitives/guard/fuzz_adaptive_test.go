package guard

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/outcome"
)

// FuzzAdaptive feeds an adaptive limit with any sequence of calls: of any length,
// number and end, with any time between them, and with resizes. What the documentation
// of Adaptive promises must hold after each call. The test is inside the package,
// because it must see the end of a window.
func FuzzAdaptive(f *testing.F) {
	f.Add(byte(1), byte(0), []byte{250, 5, 1, 1, 125, 9, 1, 2, 125, 9, 1, 3}) // held for years
	f.Add(byte(0), byte(20), []byte{0, 20, 154, 18, 1, 20})                   // a window in which none begin
	for law := range byte(3) {
		calm, loss := []byte{}, []byte{}
		for range 250 { // calls of 200 ms, in full use, so many that the laws probe
			calm = append(calm, 115, 255, 1, 255)
			loss = append(loss, 115, 255, 2, 255)
		}
		f.Add(law, byte(20), calm)
		f.Add(law, byte(20), append(calm[:300:300], loss[:60]...))
	}
	r := rand.New(rand.NewPCG(9, 10))
	for law := range byte(40) {
		script := make([]byte, 600)
		for i := range script {
			script[i] = byte(r.Uint32())
			if script[i] > 170 { // few steps of more than a second
				script[i] %= 170
			}
		}
		f.Add(law, byte(r.Uint32()), script)
	}
	f.Fuzz(func(t *testing.T, law, first byte, script []byte) {
		if len(script) > 1000 {
			return
		}
		s := newSampling(t, law, int(first))
		for ; len(script) > 1; script = script[2:] {
			s.step(script[0], int(script[1]))
		}
	})
}

// sampling is a limit, and the calls in flight under it.
type sampling struct {
	*testing.T
	limit  *adaptation
	holds  holds
	now    time.Duration
	begun  []time.Duration // the calls in flight, oldest first
	window struct {        // as the test sees it
		peak, samples, lost int
	}
}

func newSampling(t *testing.T, law byte, first int) *sampling {
	a := []Algorithm{AIMD(0.7, 0), Vegas(), Gradient2(), AIMD(0.5, time.Second)}[law%4]
	p := Limit(first+2, Adaptive(a, 2, 300))
	require.NoError(t, p.Validate())
	return &sampling{T: t, limit: p.adaptation(), now: 1}
}

func (s *sampling) step(op byte, n int) {
	switch op % 5 {
	case 0: // calls begin
		for range min(n, int(s.limit.limit)-len(s.begun)) {
			s.begun = append(s.begun, s.now)
			s.limit.seen(len(s.begun), s.now)
			s.window.peak = max(s.window.peak, len(s.begun))
		}
	case 1, 2, 3: // calls end
		kind := [...]outcome.Kind{outcome.Success, outcome.Failure, outcome.Throttled}[op%5-1]
		for range min(n, len(s.begun)) {
			s.end(kind)
		}
	case 4:
		s.resize(n%299 + 2)
	}
	s.pass(op / 5)
}

// pass lets time pass: none, or up to some seventy years.
func (s *sampling) pass(n byte) {
	if n > 0 {
		s.now = min(s.now+time.Duration(math.Exp2(float64(n)*1.2)), 1<<61)
	}
}

// check requires what must hold at any time.
func (s *sampling) check(limit int) {
	if is := s.limit.limit; !(is >= 2 && is <= 300) || limit != int(is) { // written so that NaN fails
		require.Fail(s, "out of bounds", "%v, %d", is, limit)
	}
}

// resize is what Resize does.
func (s *sampling) resize(n int) {
	s.limit.law.interrupt()
	s.limit.restart(float64(n), len(s.begun), s.now)
	s.restart()
	s.check(n)
}

// end ends the oldest call, and checks the limit after it.
func (s *sampling) end(kind outcome.Kind) {
	since, was, begin := s.begun[0], s.limit.limit, s.limit.begin
	s.begun = s.begun[1:]
	s.holds.add(s.now - since)
	if w := &s.window; since >= begin {
		w.samples++
		if kind != outcome.Success || s.limit.slow > 0 && s.now-since > s.limit.slow {
			w.lost++
		}
	}
	next, told := s.limit.sample(since, s.now, kind, s.holds.mean, len(s.begun))
	s.check(int(s.limit.limit))
	w := s.window
	if s.limit.begin == begin && !told {
		if was != s.limit.limit {
			require.Equal(s, was, s.limit.limit, "in the midst of a window")
		}
		return
	}
	s.restart()
	require.GreaterOrEqual(s, s.now-begin, max(100*time.Millisecond, s.holds.mean), "too short a window")
	if told {
		require.Equal(s, int(s.limit.limit), next)
	}
	require.Equal(s, w.samples >= 10, told)
	s.judge(w.peak, w.samples, w.lost, was)
}

// restart begins a window: calls in flight are in use in it.
func (s *sampling) restart() {
	s.window.peak, s.window.samples, s.window.lost = len(s.begun), 0, 0
}

// judge compares the limit after a window with the one before.
func (s *sampling) judge(peak, samples, lost int, was float64) {
	is := s.limit.limit
	switch {
	case samples < 10:
		require.Equal(s, was, is, "so few say nothing")
		return
	case 20*lost > samples:
		require.LessOrEqual(s, is, max(was*s.limit.backoff, 2), "after losses")
	case float64(2*peak) < was:
		require.LessOrEqual(s, is, was, "not even half of it was used")
	}
	require.GreaterOrEqual(s, is, min(was/2, float64(5*peak)), "less than half of what it was")
	require.LessOrEqual(s, is, max(float64(5*peak), 2), "more than five times what was in use")
}

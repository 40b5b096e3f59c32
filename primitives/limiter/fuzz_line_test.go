package limiter_test

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/limiter"
)

// FuzzLine runs a script of waiters, penalties and new policies against a model that
// goes from one millisecond to the next and knows no formula. It adds what the rate
// yields in a millisecond, serves the first in line, and keeps at most a burst.
func FuzzLine(f *testing.F) {
	f.Add([]byte{40, 40, 40, 9, 4, 21, 131, 40, 2, 90, 1, 5, 66, 3, 130})
	f.Add([]byte{5, 80, 80, 81, 67, 131, 0, 1, 250, 7, 251, 251, 13, 251, 12, 3, 251})
	f.Add([]byte{13, 120, 8, 8, 99, 5, 99, 21, 99, 16, 24, 32, 250, 100, 100, 6, 14, 29})
	r := rand.New(rand.NewPCG(7, 8))
	for range 30 {
		script := make([]byte, 100)
		for i := range script {
			script[i] = byte(r.Uint32())
		}
		f.Add(script)
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		if len(script) > 100 {
			return
		}
		synctest.Test(t, func(t *testing.T) {
			m := newLineModel(t)
			for _, b := range script {
				m.step(b&7, int(b>>3))
				m.check()
			}
			m.end()
		})
	})
}

// plans are the policies that the script sets.
var plans = []struct {
	rate, lowest float64 // in units per second; lowest 0: it does not adapt
	burst        int
	step         int // in ms
}{
	{rate: 1000, burst: 8}, {rate: 300, burst: 1}, {rate: 100, burst: 20}, {rate: 2000, burst: 3},
	{1000, 100, 8, 5}, {200, 1, 20, 50}, {500, 500, 5, 10}, {3000, 7, 30, 1},
}

// near is how near a balance may be to what a call wants, so that the model leaves
// the answer to the limiter, which counts nanoseconds.
const near = 1e-3

// caller is a call in line.
type caller struct {
	cost   int
	cancel context.CancelFunc
	done   <-chan error
}

// lineModel is the model.
type lineModel struct {
	*testing.T
	limiter *limiter.Limiter
	come    comer
	plan    int
	units   float64 // there are
	rate    float64 // of the moment
	fresh   bool    // lowered, and not risen since
	pause   int     // ms
	rise    int     // ms, until the next; 0: none
	line    []caller
}

func newLineModel(t *testing.T) *lineModel {
	m := &lineModel{T: t, come: later, units: float64(plans[0].burst), rate: plans[0].rate}
	m.limiter = newLimiter(t, m.policy())
	return m
}

func (m *lineModel) policy() limiter.Policy {
	p := plans[m.plan]
	opts := []limiter.Option{limiter.Burst(p.burst)}
	if p.lowest > 0 {
		opts = append(opts, limiter.Adaptive(p.lowest, time.Duration(p.step)*ms))
	}
	return limiter.PerSecond(p.rate, opts...)
}

func (m *lineModel) step(op byte, n int) {
	switch op {
	case 0, 1:
		m.wait(n%plans[m.plan].burst + 1)
	case 2:
		m.try(n%plans[m.plan].burst + 1)
	case 3, 4:
		for range n {
			m.tick()
		}
	case 5:
		m.penalize(n)
	case 6:
		if len(m.line) > 0 {
			m.leave(n % len(m.line))
		}
	case 7:
		if n%2 == 0 {
			m.hurry(n)
		} else {
			m.set(n / 2 % len(plans))
		}
	}
}

func (m *lineModel) wait(cost int) {
	ctx, cancel := context.WithCancel(m.Context())
	m.line = append(m.line, caller{cost, cancel, m.come(m.limiter, ctx, cost)})
	m.served()
}

func (m *lineModel) try(cost int) {
	admitted := m.limiter.Try(cost) == nil
	if surely, perhaps := m.could(cost); len(m.line) > 0 {
		require.False(m, admitted, "past the waiters")
	} else if surely == perhaps {
		require.Equal(m, surely, admitted)
	}
	if admitted {
		m.units -= float64(cost)
	}
}

// could tells whether the first in line can be served.
func (m *lineModel) could(cost int) (surely, perhaps bool) {
	return m.pause == 0 && m.units >= float64(cost)+near, m.pause == 0 && m.units >= float64(cost)-near
}

// served takes out the callers that have been served, and requires that they are the
// right ones.
func (m *lineModel) served() {
	synctest.Wait()
	for len(m.line) > 0 {
		c, burst := m.line[0], plans[m.plan].burst
		surely, perhaps := m.could(c.cost)
		select {
		case err := <-c.done:
			if c.cost > burst {
				require.ErrorIs(m, err, limiter.ErrCost)
			} else {
				require.NoError(m, err)
				require.True(m, perhaps, "%d of %v, pause %v", c.cost, m.units, m.pause)
				m.units -= float64(c.cost)
			}
			m.line = m.line[1:]
			c.cancel()
			continue
		default:
			require.False(m, surely || c.cost > burst, "%d of %v, pause %v", c.cost, m.units, m.pause)
		}
		break
	}
	for _, c := range m.line {
		require.Empty(m, c.done, "before its turn")
	}
	m.units = min(m.units, float64(plans[m.plan].burst))
}

// tick is a millisecond.
func (m *lineModel) tick() {
	time.Sleep(ms)
	if m.pause > 0 {
		m.pause--
	} else {
		m.units += m.rate / 1000
	}
	if m.rise > 0 {
		if m.rise--; m.rise == 0 {
			p := plans[m.plan]
			m.rate, m.fresh = min(m.rate+p.rate/10, p.rate), false
			if m.rate < p.rate {
				m.rise = p.step
			}
		}
	}
	m.served()
}

func (m *lineModel) penalize(n int) {
	m.limiter.Penalize(time.Duration(n) * ms)
	m.pause, m.units = max(m.pause, n), min(m.units, 1)
	if p := plans[m.plan]; p.lowest > 0 {
		if !m.fresh {
			m.rate, m.fresh = max(m.rate/2, p.lowest), true
		}
		m.rise = m.pause + p.step
	}
	m.served()
}

func (m *lineModel) leave(i int) {
	c := m.line[i]
	c.cancel()
	require.ErrorIs(m, <-c.done, context.Canceled)
	m.line = append(m.line[:i:i], m.line[i+1:]...)
	m.served()
}

// hurry brings a call that has n ms, and that gives up at once if it has to wait.
func (m *lineModel) hurry(n int) {
	ctx, cancel := context.WithTimeout(m.Context(), time.Duration(n)*ms)
	defer cancel()
	if ctx.Err() != nil {
		return
	}
	all := float64(1)
	for _, c := range m.line {
		all += float64(c.cost)
	}
	takes := float64(m.pause) + max(all-m.units, 0)*1000/m.rate
	done := m.come(m.limiter, ctx, 1)
	cancel()
	err := <-done
	var e *limiter.WaitError
	if err == nil {
		require.Less(m, takes, near*1000/m.rate, "it was not in a hurry")
		m.units--
		return
	}
	require.ErrorAs(m, err, &e)
	if e.After > 0 {
		require.InDelta(m, takes, float64(e.After)/float64(ms), 1e-2)
		require.Greater(m, takes, float64(n)-1e-2)
	} else {
		require.Less(m, takes, float64(n)+1e-2)
	}
	m.served()
}

func (m *lineModel) set(plan int) {
	m.plan = plan
	require.NoError(m, m.limiter.Set(m.policy()))
	m.rate, m.fresh, m.rise = plans[plan].rate, false, 0
	m.units = min(m.units, float64(plans[plan].burst))
	m.served()
}

func (m *lineModel) check() {
	s := m.limiter.Snapshot()
	require.InDelta(m, m.rate, s.Rate, 1e-6)
	require.Equal(m, plans[m.plan].burst, s.Burst)
	require.Len(m, m.line, s.Waiting)
	require.Equal(m, time.Duration(m.pause)*ms, s.Paused)
	if m.pause == 0 && math.Abs(m.units-math.Round(m.units)) > near {
		require.Equal(m, int(m.units), s.Available)
	}
}

// end waits until all calls are served: none waits for ever.
func (m *lineModel) end() {
	for i := 0; len(m.line) > 0; i++ {
		require.Less(m, i, 1_000_000)
		m.tick()
	}
}

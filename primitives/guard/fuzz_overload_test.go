package guard_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/guard"
)

// FuzzOverload runs a script of calls under CoDel, in any order, and under deadlines.
// In its model everything is a list and a loop.
func FuzzOverload(f *testing.F) {
	r := rand.New(rand.NewPCG(5, 6))
	for policy := range byte(48) {
		script := make([]byte, 200)
		for i := range script {
			script[i] = byte(r.Uint32())
		}
		f.Add(policy, script)
	}
	f.Fuzz(func(t *testing.T, policy byte, script []byte) {
		if len(script) > 300 {
			script = script[:300]
		}
		synctest.Test(t, func(t *testing.T) {
			m := newOverload(t, policy)
			t.Cleanup(m.letGo)
			for _, b := range script {
				m.step(b%8, int(b/8))
				m.check()
			}
		})
	})
}

const (
	codelTarget   = 20 * time.Millisecond
	codelInterval = 100 * time.Millisecond
)

// overload is the model.
type overload struct {
	t         *testing.T
	guard     *guard.Guard
	come      comer
	order     guard.Order
	codel     bool
	deadlines bool
	held      []permitOf
	queue     []*queuer // in the order of arrival
	nonempty  time.Time // since when the queue is
	above     time.Time // since when the longest wait is above the target; zero: it is not
	last      time.Time // when it was seen to be
	shedding  bool
	calls     int
	want      guard.Snapshot
}

type permitOf struct {
	guard.Permit
	weight int
	since  time.Time
}

type queuer struct {
	answer   <-chan answer
	cancel   context.CancelFunc
	weight   int
	since    time.Time
	deadline time.Time
}

func newOverload(t *testing.T, b byte) *overload {
	m := &overload{t: t, come: acquire, order: guard.Order(b % 3), codel: b/3%2 == 0, deadlines: b/6%2 == 0}
	m.want.Capacity = 1 + int(b/12%4)
	opts := []guard.Option{guard.Queue(m.order)}
	if m.codel {
		opts = append(opts, guard.CoDel(codelTarget, codelInterval))
	}
	if m.deadlines {
		opts = append(opts, guard.Deadlines())
	}
	m.guard = newGuard(t, guard.Limit(m.want.Capacity, opts...))
	return m
}

func (m *overload) step(op byte, n int) {
	switch op {
	case 0, 1, 2:
		m.acquire(1+n%min(2, m.want.Capacity), time.Duration(n/2)*13*time.Millisecond)
	case 3, 4:
		if len(m.held) > 0 {
			m.release(n % len(m.held))
		}
	case 5:
		m.try()
	case 6, 7:
		m.sleep(time.Duration(n) * 2 * time.Millisecond)
	}
}

func (m *overload) fits(weight int) bool {
	for _, h := range m.held {
		weight += h.weight
	}
	return weight <= m.want.Capacity
}

func (m *overload) newestFirst() bool {
	return m.order == guard.LIFO || m.order == guard.AdaptiveLIFO && time.Since(m.nonempty) >= codelInterval && len(m.queue) > 0
}

// expected is the formula that the policy promises.
func (m *overload) expected(weight int) time.Duration {
	if !m.newestFirst() {
		for _, q := range m.queue {
			weight += q.weight
		}
	}
	if !m.deadlines {
		return 0
	}
	return m.want.Held * time.Duration(weight) / time.Duration(m.want.Capacity)
}

func (m *overload) shed(err error, reason guard.Reason, after time.Duration) {
	shed, ok := errors.AsType[*guard.ShedError](err)
	require.True(m.t, ok, "%v", err)
	require.Equal(m.t, reason, shed.Reason)
	if after >= 0 {
		require.InDelta(m.t, after, shed.After, 10)
	}
	m.want.Shed++
}

func (m *overload) acquire(weight int, within time.Duration) {
	m.calls++
	within += time.Duration(m.calls) * time.Microsecond // no two end at the same time
	ctx, cancel := context.WithTimeout(m.t.Context(), within)
	q := &queuer{cancel: cancel, weight: weight, since: time.Now(), deadline: time.Now().Add(within)}
	q.answer = m.come(ctx, m.guard, guard.Weight(weight))
	after := m.expected(weight)
	switch {
	case len(m.queue) == 0 && m.fits(weight):
		m.served(q)
	case m.deadlines && after > within:
		m.shed((<-q.answer).err, guard.Late, after)
		m.look()
	default:
		if len(m.queue) == 0 {
			m.nonempty = time.Now()
		}
		m.queue = append(m.queue, q)
		m.look()
	}
}

func (m *overload) try() {
	p, err := m.guard.TryAcquire()
	if len(m.queue) == 0 && m.fits(1) {
		require.NoError(m.t, err)
		m.want.Admitted++
		m.held = append(m.held, permitOf{p, 1, time.Now()})
		return
	}
	m.shed(err, guard.Full, m.expected(1))
	m.look()
}

func (m *overload) served(q *queuer) {
	synctest.Wait()
	require.Len(m.t, q.answer, 1, "it is this caller's turn")
	a := <-q.answer
	require.NoError(m.t, a.err)
	q.cancel()
	m.want.Admitted++
	m.held = append(m.held, permitOf{a.permit, q.weight, time.Now()})
}

func (m *overload) release(i int) {
	p := m.held[i]
	m.held = slices.Delete(m.held, i, i+1)
	if d := time.Since(p.since); m.deadlines {
		if m.want.Held == 0 {
			m.want.Held = d
		} else {
			m.want.Held += (d - m.want.Held) / 8
		}
	}
	require.True(m.t, p.Release())
	m.look()
}

// look is what happens whenever a call comes or a permit comes back: waits that are too
// long end, and then the waiters that fit are served.
func (m *overload) look() {
	for m.tooLong() && len(m.queue) > 1 && time.Since(m.queue[0].since) > codelTarget {
		m.shed((<-m.queue[0].answer).err, guard.Stale, -1)
		m.queue = m.queue[1:]
	}
	for len(m.queue) > 0 {
		i := 0
		if m.newestFirst() {
			i = len(m.queue) - 1
		}
		q := m.queue[i]
		if !m.fits(q.weight) {
			return
		}
		m.queue = slices.Delete(m.queue, i, i+1)
		m.served(q)
	}
	m.above, m.shedding = time.Time{}, false
}

// tooLong reports whether CoDel sheds: the longest wait has been above the target for
// an interval, and not below it for an interval since.
func (m *overload) tooLong() bool {
	if !m.codel || len(m.queue) == 0 {
		return false
	}
	now := time.Now()
	if now.Sub(m.queue[0].since) <= codelTarget {
		if m.above = (time.Time{}); now.Sub(m.last) >= codelInterval {
			m.shedding = false
		}
		return false
	}
	if m.above.IsZero() {
		m.above = now
	}
	m.last = now
	m.shedding = m.shedding || now.Sub(m.above) >= codelInterval
	return m.shedding
}

// sleep lets time pass, from one deadline to the next.
func (m *overload) sleep(d time.Duration) {
	for end := time.Now().Add(d); ; {
		next := slices.MinFunc(append(m.queue, &queuer{deadline: end}), func(a, b *queuer) int { return a.deadline.Compare(b.deadline) })
		time.Sleep(time.Until(next.deadline))
		i := slices.Index(m.queue, next)
		if i < 0 {
			return
		}
		synctest.Wait()
		require.ErrorIs(m.t, (<-next.answer).err, context.DeadlineExceeded)
		m.queue = slices.Delete(m.queue, i, i+1)
		m.want.Cancelled++
		m.look()
		m.check()
	}
}

func (m *overload) check() {
	synctest.Wait()
	m.want.Depth, m.want.Waiting = 0, len(m.queue)
	for _, h := range m.held {
		m.want.Depth += h.weight
	}
	require.Equal(m.t, m.want, m.guard.Snapshot())
	for _, q := range m.queue {
		require.Empty(m.t, q.answer, "no call is served, or shed, out of turn")
	}
}

func (m *overload) letGo() {
	for _, q := range m.queue {
		q.cancel()
	}
}

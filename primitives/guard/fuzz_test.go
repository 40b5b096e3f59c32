package guard_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/guard"
)

// FuzzGuard runs a script of calls against a guard and against a model that is too
// simple to be wrong: a list of live permits and a list of waiting callers. After every
// step the two must agree in everything that a user can see.
//
// The first byte gives the policy. Each further byte is a step: its operation, and a
// number for it.
func FuzzGuard(f *testing.F) {
	f.Add([]byte{1, 0, 0, 0})                                         // some admitted, some shed
	f.Add([]byte{0, 1, 1, 1, 2, 2, 2, 3})                             // first come, first served; old copies
	f.Add([]byte{1, 1, 1, 1, 1, 24, 4, 2, 3, 4})                      // leave from the middle
	f.Add([]byte{35, 0, 0, 0, 2, 2, 2, 3, 3, 0})                      // over the soft limit and back
	f.Add([]byte{0, 0, 1, 1, 1, 5, 5, 5, 2, 0})                       // cancel and grant at once
	f.Add([]byte{3, 1, 1, 7, 17, 27, 1, 7, 2, 2, 12, 2, 22, 2})       // weights
	f.Add([]byte{3, 1, 1, 1, 1, 1, 1, 8, 2, 2, 48, 2, 8, 18, 88})     // resize down and up under waiters
	f.Add([]byte{4, 1, 1, 1, 1, 2, 2, 1, 2})                          // newest first
	f.Add([]byte{16, 1, 1, 1, 1, 1, 2, 1, 7})                         // a bounded queue
	f.Add([]byte{0, 1, 31, 1, 61, 9, 91, 1, 2, 2, 2, 2, 2, 2})        // levels, and ageing
	f.Add([]byte{64, 1, 31, 1, 61, 9, 91, 1, 2, 2, 2, 2, 2, 2})       // levels without a head start
	f.Add([]byte{7, 0, 7, 1, 8, 5, 9, 31, 61, 2, 6, 77, 4, 3, 38, 2}) // all mixed
	f.Fuzz(func(t *testing.T, script []byte) {
		if len(script) == 0 || len(script) > 200 {
			t.Skip()
		}
		synctest.Test(t, func(t *testing.T) {
			m := newModel(t, script[0])
			for _, b := range script[1:] {
				m.step(b%10, int(b/10))
				m.check()
			}
			m.finish()
		})
	})
}

type held struct {
	permit guard.Permit
	weight int
}

type caller struct {
	cancel context.CancelFunc
	answer <-chan answer
	weight int
	rank   time.Duration // of arrival, less the head start
	due    time.Duration // and for LIFO, plus it
}

type model struct {
	t        *testing.T
	guard    *guard.Guard
	come     comer
	lifo     bool
	levels   bool
	maxQueue int
	start    time.Time
	held     []held
	old      []guard.Permit // released; their copies must do nothing
	queue    []caller       // in the order of arrival
	told     []bool         // by the hook
	want     guard.Snapshot
	cross    []bool // what the hook should have been told
	above    bool
}

func newModel(t *testing.T, b byte) *model {
	m := &model{t: t, come: acquire, maxQueue: 1000, start: time.Now()}
	m.want = guard.Snapshot{Name: "fuzz", Capacity: 1 + int(b%4)}
	opts := []guard.Option{guard.Name("fuzz")}
	if m.levels = b/64%2 == 0; m.levels {
		opts = append(opts, guard.HeadStart(time.Second))
	}
	if m.lifo = b/4%2 == 1; m.lifo {
		opts = append(opts, guard.Queue(guard.LIFO))
	}
	if b/8%4 > 1 {
		m.maxQueue = int(b / 8 % 4)
		opts = append(opts, guard.MaxQueue(m.maxQueue))
	}
	if b/32%2 == 1 && m.want.Capacity > 1 {
		m.want.SoftLimit = m.want.Capacity - 1
		opts = append(opts, guard.SoftLimit(m.want.SoftLimit, func(c guard.Crossing) { m.told = append(m.told, c.Above) }))
	}
	m.guard = newGuard(t, guard.Limit(m.want.Capacity, opts...))
	return m
}

func (m *model) step(op byte, n int) {
	switch op {
	case 0:
		m.try(1)
	case 1:
		m.acquire(1, guard.Level(n/3%3-1), n%3 == 0)
	case 2:
		m.release(n)
	case 3:
		if len(m.old) > 0 {
			require.False(m.t, m.old[n%len(m.old)].Release())
		}
	case 4:
		m.leave(n)
	case 5:
		m.releaseAndCancelNext(n)
	case 6:
		m.try(1 + n%4)
	case 7:
		m.acquire(1+n%4, guard.Normal, false)
	case 8:
		m.resize(1 + n%6)
	case 9:
		time.Sleep(time.Duration(n) * 100 * time.Millisecond)
	}
}

func (m *model) depth() (sum int) {
	for _, h := range m.held {
		sum += h.weight
	}
	return sum
}

// fits is what the capacity says.
func (m *model) fits(weight int) bool { return m.depth()+weight <= m.want.Capacity }

func (m *model) try(weight int) {
	p, err := m.guard.TryAcquire(guard.Weight(weight))
	switch {
	case weight > m.want.Capacity:
		require.ErrorIs(m.t, err, guard.ErrCall)
	case len(m.queue) > 0 || !m.fits(weight):
		require.ErrorIs(m.t, err, guard.ErrShed)
		m.want.Shed++
	default:
		require.NoError(m.t, err)
		m.want.Admitted++
		m.held = append(m.held, held{p, weight})
	}
}

func (m *model) acquire(weight int, level guard.Level, bare bool) {
	opts := []guard.CallOption{guard.Weight(weight), guard.Priority(level)}
	if bare {
		opts, level = nil, guard.Normal
	}
	ctx, cancel := context.WithCancel(m.t.Context())
	now, head := time.Since(m.start), time.Duration(level)*time.Second
	if !m.levels {
		head = 0
	}
	c := caller{cancel, m.come(ctx, m.guard, opts...), weight, now - head, now + head}
	switch {
	case weight > m.want.Capacity:
		require.ErrorIs(m.t, (<-c.answer).err, guard.ErrCall)
	case len(m.queue) == 0 && m.fits(weight):
		m.served(c)
	case len(m.queue) >= m.maxQueue:
		require.ErrorIs(m.t, (<-c.answer).err, guard.ErrShed)
		m.want.Shed++
	default:
		m.queue = append(m.queue, c)
		m.passOn()
	}
}

// served takes the permit of a caller whose turn it must be.
func (m *model) served(c caller) {
	synctest.Wait()
	require.Len(m.t, c.answer, 1, "it is this caller's turn")
	a := <-c.answer
	require.NoError(m.t, a.err)
	c.cancel()
	m.want.Admitted++
	m.held = append(m.held, held{a.permit, c.weight})
}

// next is the place of the caller that is served next.
func (m *model) next() (best int) {
	for i, c := range m.queue {
		if b := m.queue[best]; m.lifo && c.due >= b.due || !m.lifo && c.rank < b.rank {
			best = i
		}
	}
	return best
}

// passOn serves the queue with what is free.
func (m *model) passOn() {
	for len(m.queue) > 0 {
		i := m.next()
		c := m.queue[i]
		if !m.fits(c.weight) {
			return
		}
		m.queue = slices.Delete(m.queue, i, i+1)
		m.served(c)
	}
}

// drop moves a live permit to the old ones and lets the guard know.
func (m *model) drop(n int) {
	i := n % len(m.held)
	p := m.held[i].permit
	m.held = slices.Delete(m.held, i, i+1)
	require.True(m.t, p.Release())
	m.old = append(m.old, p)
}

func (m *model) release(n int) {
	if len(m.held) > 0 {
		m.drop(n)
		m.passOn()
	}
}

func (m *model) leave(n int) {
	if len(m.queue) == 0 {
		return
	}
	i := n % len(m.queue)
	c := m.queue[i]
	m.queue = slices.Delete(m.queue, i, i+1)
	c.cancel()
	require.ErrorIs(m.t, (<-c.answer).err, context.Canceled)
	m.want.Cancelled++
	m.passOn()
}

// releaseAndCancelNext grants a permit to the next in line and cancels that call before
// it has surely woken up. The call gets one of the two, never both and never neither.
func (m *model) releaseAndCancelNext(n int) {
	if len(m.queue) == 0 || len(m.held) == 0 {
		return
	}
	i := m.next()
	c := m.queue[i]
	m.queue = slices.Delete(m.queue, i, i+1)
	m.drop(n)
	granted := m.fits(c.weight)
	c.cancel()
	a := <-c.answer
	if !granted {
		m.note()
	} else { // it has its units, and others may have theirs with it
		m.held = append(m.held, held{a.permit, c.weight})
		i = len(m.held) - 1
		m.passOn()
		m.note()
	}
	if a.err == nil {
		m.want.Admitted++
		return
	}
	require.ErrorIs(m.t, a.err, context.Canceled)
	m.want.Cancelled++
	if granted {
		m.held = slices.Delete(m.held, i, i+1)
	}
	m.passOn()
}

// note writes down a crossing if the depth has passed the limit.
func (m *model) note() {
	if soft := m.want.SoftLimit; soft > 0 && m.above != (m.depth() >= soft) {
		m.above = !m.above
		m.cross = append(m.cross, m.above)
	}
}

func (m *model) resize(n int) {
	require.NoError(m.t, m.guard.Resize(n))
	m.want.Capacity = n
	m.queue = slices.DeleteFunc(m.queue, func(c caller) bool {
		if c.weight <= n {
			return false
		}
		require.ErrorIs(m.t, (<-c.answer).err, guard.ErrCall)
		return true
	})
	m.passOn()
}

func (m *model) check() {
	synctest.Wait()
	m.want.Depth, m.want.Waiting = m.depth(), len(m.queue)
	require.Equal(m.t, m.want, m.guard.Snapshot())
	m.note()
	require.Equal(m.t, m.cross, m.told)
	for _, c := range m.queue {
		require.Empty(m.t, c.answer, "no call is served out of turn")
	}
}

func (m *model) finish() {
	for len(m.queue) > 0 {
		m.leave(0)
		m.check()
	}
	for len(m.held) > 0 {
		m.release(0)
		m.check()
	}
}

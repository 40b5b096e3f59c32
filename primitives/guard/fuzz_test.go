package guard_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/guard"
)

// FuzzGuard runs a script of calls against a guard and against a model that is
// too simple to be wrong: a list of live permits and a queue of callers. After
// every step the two must agree in all that can be seen.
func FuzzGuard(f *testing.F) {
	f.Add([]byte{1, 0, 0, 0})                                  // capacity 1: one admitted, two shed
	f.Add([]byte{1, 1, 1, 1, 2, 2, 2, 3})                      // first come, first served; old copies
	f.Add([]byte{2, 1, 1, 1, 1, 14, 4, 2, 3, 4})               // leave from the middle
	f.Add([]byte{3, 0, 0, 0, 2, 2, 2, 3, 3, 0})                // over the soft limit and back
	f.Add([]byte{1, 0, 1, 1, 1, 5, 5, 5, 2, 0})                // cancel and grant at once
	f.Add([]byte{2, 1, 1, 1, 5, 1, 5, 2, 2, 6, 1, 6, 4, 0, 3}) // all mixed
	f.Fuzz(func(t *testing.T, script []byte) {
		if len(script) == 0 || len(script) > 200 {
			t.Skip()
		}
		synctest.Test(t, func(t *testing.T) {
			m := newModel(t, 1+int(script[0])%4)
			for _, b := range script[1:] {
				m.step(b%7, int(b/7))
				m.check()
			}
			m.finish()
		})
	})
}

type caller struct {
	cancel context.CancelFunc
	answer <-chan answer
}

type model struct {
	t     *testing.T
	guard *guard.Guard
	held  []guard.Permit
	old   []guard.Permit // released; their copies must do nothing
	queue []caller
	told  []bool // by the hook
	want  guard.Snapshot
	cross []bool // what the hook should have been told
}

func newModel(t *testing.T, capacity int) *model {
	m := &model{t: t, want: guard.Snapshot{Name: "fuzz", Capacity: capacity}}
	opts := []guard.Option{guard.Name("fuzz")}
	if capacity > 1 {
		m.want.SoftLimit = capacity - 1
		opts = append(opts, guard.SoftLimit(capacity-1, func(c guard.Crossing) { m.told = append(m.told, c.Above) }))
	}
	m.guard = newGuard(t, guard.Limit(capacity, opts...))
	return m
}

func (m *model) step(op byte, n int) {
	switch op {
	case 0:
		m.try()
	case 1:
		m.acquire(m.t.Context())
	case 2:
		m.release(n)
	case 3:
		if len(m.old) > 0 {
			require.False(m.t, m.old[n%len(m.old)].Release())
		}
	case 4:
		m.leave(n)
	case 5:
		m.releaseAndCancelHead(n)
	case 6:
		dead, cancel := context.WithCancel(m.t.Context())
		cancel()
		_, err := m.guard.Acquire(dead)
		require.ErrorIs(m.t, err, context.Canceled)
		m.want.Cancelled++
	}
}

func (m *model) try() {
	p, err := m.guard.TryAcquire()
	if len(m.held) == m.want.Capacity {
		require.ErrorIs(m.t, err, guard.ErrShed)
		m.want.Shed++
		return
	}
	require.NoError(m.t, err)
	m.admit(p)
}

func (m *model) acquire(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	c := caller{cancel, acquire(ctx, m.guard)}
	if len(m.held) == m.want.Capacity {
		require.True(m.t, waits(c.answer))
		m.queue = append(m.queue, c)
		return
	}
	m.served(c)
	m.note(true)
}

// served takes the permit of a caller whose turn it must be.
func (m *model) served(c caller) {
	synctest.Wait()
	require.Len(m.t, c.answer, 1, "it is this caller's turn")
	a := <-c.answer
	require.NoError(m.t, a.err)
	c.cancel()
	m.want.Admitted++
	m.held = append(m.held, a.permit)
}

func (m *model) admit(p guard.Permit) {
	m.want.Admitted++
	m.held = append(m.held, p)
	m.note(true)
}

// note writes down a crossing if the depth has just passed the limit.
func (m *model) note(up bool) {
	if soft := m.want.SoftLimit; soft > 0 && (up && len(m.held) == soft || !up && len(m.held) == soft-1) {
		m.cross = append(m.cross, up)
	}
}

// drop moves a live permit to the old ones and lets the guard know.
func (m *model) drop(n int) {
	i := n % len(m.held)
	p := m.held[i]
	m.held = slices.Delete(m.held, i, i+1)
	require.True(m.t, p.Release())
	m.old = append(m.old, p)
}

func (m *model) release(n int) {
	if len(m.held) == 0 {
		return
	}
	m.drop(n)
	m.passOn()
}

// passOn serves the head of the queue with a slot that has become free.
func (m *model) passOn() {
	if len(m.queue) == 0 {
		m.note(false)
		return
	}
	head := m.queue[0]
	m.queue = m.queue[1:]
	m.served(head)
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
}

// releaseAndCancelHead grants to the head of the queue and cancels it before it
// can have woken up for sure. It may have either, never both and never neither.
func (m *model) releaseAndCancelHead(n int) {
	if len(m.queue) == 0 {
		return
	}
	head := m.queue[0]
	m.queue = m.queue[1:]
	m.drop(n)
	head.cancel()
	a := <-head.answer
	if a.err == nil {
		m.want.Admitted++
		m.held = append(m.held, a.permit)
		return
	}
	require.ErrorIs(m.t, a.err, context.Canceled)
	m.want.Cancelled++
	m.passOn()
}

func (m *model) check() {
	synctest.Wait()
	m.want.Depth, m.want.Waiting = len(m.held), len(m.queue)
	require.Equal(m.t, m.want, m.guard.Snapshot())
	require.Equal(m.t, m.cross, m.told)
	for _, c := range m.queue {
		require.Empty(m.t, c.answer, "nobody is served out of turn")
	}
}

func (m *model) finish() {
	for len(m.queue) > 0 {
		m.leave(0)
	}
	for len(m.held) > 0 {
		m.release(0)
	}
	m.check()
}

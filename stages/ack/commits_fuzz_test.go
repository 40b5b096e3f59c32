package ack

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// claim is what must be true of a partition from its first Begin until it is given up.
type claim struct {
	positions []*promise
	committed int // the index of the last position that was committed, -1 for none
	failed    bool
	gone      bool
	goneAt    time.Time
	paused    bool
}

// promise is a position.
type promise struct {
	at      int
	done    bool
	settled bool
	tell    func(error)
}

// watermark is the index of the last position at or before which all are done.
func (k *claim) watermark() int {
	for i, p := range k.positions {
		if !p.done {
			return i - 1
		}
	}
	return len(k.positions) - 1
}

// model is Commits as it should be.
type model struct {
	t    *testing.T
	c    *Commits[int, int]
	rand *rand.Rand

	mu     sync.Mutex
	live   map[int]*claim // by partition
	of     map[int]*claim // by position
	lost   map[int]bool   // partitions that were given up
	all    []*claim
	next   int
	broken bool
	takes  time.Duration
}

var partitions = []int{1, 2, 3}

// commit checks what is committed.
func (m *model) commit(_ context.Context, upTo map[int]int) error {
	m.mu.Lock()
	assert.NotEmpty(m.t, upTo)
	for partition, at := range upTo {
		m.check(partition, at)
	}
	broken, takes := m.broken, m.takes
	m.mu.Unlock()
	time.Sleep(takes)
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, at := range upTo {
		if broken {
			m.of[at].failed = m.of[at].failed || !m.of[at].gone
		} else {
			m.of[at].committed = m.of[at].index(at)
		}
	}
	if broken {
		return errGone
	}
	return nil
}

func (k *claim) index(at int) int {
	for i, p := range k.positions {
		if p.at == at {
			return i
		}
	}
	return -1
}

func (m *model) check(partition, at int) {
	k := m.of[at]
	i := k.index(at)
	assert.LessOrEqual(m.t, i, k.watermark(), "position %d is not done, or one before it", at)
	assert.Greater(m.t, i, k.committed, "position %d again", at)
	if k.gone {
		assert.Equal(m.t, k.goneAt, time.Now(), "partition %d was given up", partition)
	} else {
		assert.Same(m.t, m.live[partition], k)
	}
}

func (m *model) claim(partition int) *claim {
	k := m.live[partition]
	if k == nil {
		k = &claim{committed: -1}
		if m.lost[partition] {
			_, err := m.c.Begin(partition, m.next)
			require.ErrorIs(m.t, err, ErrForgotten)
			m.c.Claim(partition)
			m.lost[partition] = false
		}
		m.live[partition] = k
		m.all = append(m.all, k)
	}
	return k
}

func (m *model) begin(partition int) {
	m.next++
	m.mu.Lock()
	k := m.claim(partition)
	failed := k.failed
	m.mu.Unlock()
	if failed {
		synctest.Wait() // the model hears of it before Commits does
	}
	done, err := m.c.Begin(partition, m.next)
	m.mu.Lock()
	defer m.mu.Unlock()
	open := len(k.positions) - 1 - k.watermark()
	switch {
	case failed:
		require.ErrorIs(m.t, err, ErrHalted)
	case k.failed && errors.Is(err, ErrHalted): // it failed just now
	case m.c.Pause == nil && open >= m.c.Window:
		require.ErrorIs(m.t, err, ErrFull)
	default:
		require.NoError(m.t, err)
		k.positions = append(k.positions, &promise{at: m.next, tell: done})
		m.of[m.next] = k
	}
}

// settle settles one of the positions that are open, or one that was given up.
func (m *model) settle(n int, err error) {
	m.mu.Lock()
	if len(m.all) == 0 {
		m.mu.Unlock()
		return
	}
	k := m.all[max(0, len(m.all)-1-n%4)]
	var p *promise
	for _, one := range k.positions {
		if !one.settled && (p == nil || m.rand.IntN(3) == 0) {
			p = one
		}
	}
	if p != nil {
		p.settled, p.done = true, err == nil
		k.failed = k.failed || err != nil
	}
	m.mu.Unlock()
	if p != nil {
		p.tell(err)
		p.tell(errFlaky) // does not count
	}
}

func (m *model) giveUp(partition int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lost[partition] = true
	if k := m.live[partition]; k != nil {
		k.gone, k.goneAt = true, time.Now()
		delete(m.live, partition)
	}
}

func (m *model) forget(partition int) {
	m.giveUp(partition)
	m.c.Forget(partition)
}

// drain drains a partition, whose positions are settled meanwhile.
func (m *model) drain(partition int, patience time.Duration) {
	ctx, cancel := context.WithTimeout(m.t.Context(), patience)
	defer cancel()
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
				m.settle(m.rand.IntN(4), nil)
			}
		}
	})
	err := m.c.Drain(ctx, partition)
	m.mu.Lock()
	if k := m.live[partition]; k != nil && err == nil {
		assert.False(m.t, k.failed)
		assert.Equal(m.t, len(k.positions)-1, k.watermark(), "all is done")
		assert.Equal(m.t, k.watermark(), k.committed, "and committed")
	}
	m.mu.Unlock()
	m.giveUp(partition)
	close(stop)
	wg.Wait()
}

// flush checks that all that is done now is committed afterwards.
func (m *model) flush() {
	m.mu.Lock()
	want := map[*claim]int{}
	for _, k := range m.live {
		want[k] = k.watermark()
	}
	m.mu.Unlock()
	err := m.c.Flush(m.t.Context())
	m.mu.Lock()
	defer m.mu.Unlock()
	if err != nil {
		require.ErrorIs(m.t, err, errGone)
		return
	}
	for k, at := range want {
		require.GreaterOrEqual(m.t, k.committed, at)
	}
}

// hook checks that Pause and Resume alternate.
func (m *model) hook(pause bool) func(int) {
	return func(partition int) {
		m.mu.Lock()
		defer m.mu.Unlock()
		if k := m.live[partition]; k != nil {
			assert.NotEqual(m.t, pause, k.paused)
			k.paused = pause
		}
	}
}

func (m *model) step(op, n byte) {
	partition := partitions[int(n)%len(partitions)]
	switch op % 16 {
	case 0, 1, 2, 3, 4:
		m.begin(partition)
	case 5, 6, 7, 8, 9:
		m.settle(int(n), nil)
	case 10:
		time.Sleep(time.Duration(n) * 100 * time.Microsecond)
	case 11:
		m.flush()
	case 12:
		m.forget(partition)
	case 13:
		m.drain(partition, time.Duration(n)*time.Millisecond)
	case 14:
		if n%4 == 0 {
			m.settle(int(n), errFlaky)
		}
	case 15:
		m.mu.Lock()
		m.broken = n%8 == 0
		m.mu.Unlock()
	}
}

func play(t *testing.T, seed uint64, ops []byte) {
	synctest.Test(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(seed, 0))
		m := &model{t: t, rand: r, live: map[int]*claim{}, of: map[int]*claim{}, lost: map[int]bool{}}
		m.takes = []time.Duration{0, 0, 3 * time.Millisecond}[r.IntN(3)]
		m.c = &Commits[int, int]{Window: 1 + r.IntN(6), Every: []time.Duration{0, 5 * time.Millisecond}[r.IntN(2)], Commit: m.commit}
		if r.IntN(3) == 0 {
			m.c.Pause, m.c.Resume = m.hook(true), m.hook(false)
		}
		for ; len(ops) >= 2; ops = ops[2:] {
			m.step(ops[0], ops[1])
			if r.IntN(2) == 0 {
				synctest.Wait()
			}
		}
		time.Sleep(time.Second)
		synctest.Wait()
		m.mu.Lock()
		m.broken = false
		m.mu.Unlock()
		m.flush()
		err := m.c.Close(t.Context())
		require.True(t, err == nil || errors.Is(err, ErrHalted), err)
		for _, k := range m.live {
			require.Equal(t, k.watermark(), k.committed)
		}
	})
}

// Commits against a model: it never commits a position of which one before is not done,
// no position twice, nothing of a partition that was given up; and after Flush or Drain
// all that is done is committed.
func FuzzCommits(f *testing.F) {
	f.Add(uint64(1), []byte{0, 0, 0, 0, 0, 1, 5, 0, 11, 0, 5, 1, 12, 0, 0, 0, 5, 0, 13, 30})
	f.Add(uint64(2), []byte{0, 0, 0, 0, 0, 0, 5, 0, 5, 0, 10, 9, 5, 0, 15, 0, 11, 0, 15, 1, 11, 0, 14, 4})
	f.Fuzz(func(t *testing.T, seed uint64, ops []byte) {
		if len(ops) <= 400 {
			play(t, seed, ops)
		}
	})
}

// TestCommitsAgainstTheModel is FuzzCommits with some long inputs.
func TestCommitsAgainstTheModel(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		ops := make([]byte, 400)
		for i := range ops {
			ops[i] = byte(r.Uint32())
		}
		play(t, seed, ops)
		if t.Failed() {
			t.Fatal("seed", seed)
		}
	}
}

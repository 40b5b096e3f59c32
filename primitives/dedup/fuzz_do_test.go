package dedup_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/dedup"
)

// FuzzDo runs a script of calls of Do, which give up at any time and whose runs end in
// every way there is, against a model: a list of runs, who waits for each, and what is
// kept. After each step every caller must have just the answer that the model says, and
// every run a context that is alive just as long as somebody waits.
func FuzzDo(f *testing.F) {
	f.Add([]byte{0, 0, 14, 2, 0})                     // the leader gives up, its follower does not
	f.Add([]byte{0, 0, 14, 6, 0, 2, 10, 0})           // both do; a newcomer, and then the late result
	f.Add([]byte{16, 0, 14, 5, 6, 5, 0, 2, 10, 5})    // the same, and the function looks now and then
	f.Add([]byte{0, 0, 4, 0, 2, 10, 0, 255, 255, 0})  // forgotten, and its late result
	f.Add([]byte{0, 0, 34, 0, 0, 66, 0, 0, 98, 0, 2}) // error, panic, Goexit
	r := rand.New(rand.NewPCG(3, 4))
	for range 30 {
		long := make([]byte, 200)
		for i := range long {
			long[i] = byte(r.Uint32())
		}
		f.Add(long)
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		if len(script) > 400 {
			script = script[:400]
		}
		synctest.Test(t, func(t *testing.T) {
			m := &doModel{t: t, d: make1[byte, int](t, dedup.Window(100*time.Nanosecond)), flying: map[byte]*doRun{}, kept: map[byte]doKept{}}
			t.Cleanup(m.release)
			for _, b := range script {
				m.step(b%8, int(b/8))
				m.check()
			}
			for _, r := range m.runs {
				m.end(r, 0)
				m.check()
			}
		})
	})
}

// doRun is a run of the function, and what the model knows of it.
type doRun struct {
	key     byte
	ctx     context.Context // as the function got it
	silent  bool            // the function asks for Done at the end only
	gate    chan int        // how it is to end
	leader  *doCaller
	waiting []*doCaller
	left    bool // the deduplicator knows that the leader has given up
	alone   bool // nobody waits, and so the context has ended
	over    bool
}

type doCaller struct {
	cancel context.CancelFunc
	answer chan answer
	want   *answer // nil while it waits
	gone   bool    // cancelled
	exits  bool    // by Goexit, so without an answer
}

type doKept struct {
	value   int
	expires time.Time
}

type doModel struct {
	t       *testing.T
	d       *dedup.Dedup[byte, int]
	runs    []*doRun
	callers []*doCaller
	flying  map[byte]*doRun
	kept    map[byte]doKept
	values  int
	sum     dedup.Snapshot
	began   *doRun // by the call that was made last
}

// How a run ends.
const (
	withValue = iota
	withError
	withPanic
	withGoexit
)

var errRun = errors.New("run")

func (m *doModel) step(op byte, n int) {
	switch op {
	case 0, 1:
		m.call(byte(n%2), n/2%2 == 1)
	case 2, 3:
		if len(m.runs) > 0 {
			m.end(m.runs[len(m.runs)-1-n%min(len(m.runs), 4)], n/4%4)
		}
	case 4:
		m.forget(byte(n % 2))
	case 5:
		if len(m.runs) > 0 {
			m.poll(m.runs[len(m.runs)-1-n%min(len(m.runs), 4)])
		}
	case 6:
		if len(m.callers) > 0 {
			m.cancel(m.callers[len(m.callers)-1-n%min(len(m.callers), 6)])
		}
	case 7:
		time.Sleep(time.Duration(n))
	}
}

func (m *doModel) call(key byte, silent bool) {
	ctx, cancel := context.WithCancel(m.t.Context())
	c := &doCaller{cancel: cancel, answer: make(chan answer, 1)}
	m.callers = append(m.callers, c)
	m.began = nil
	go func() {
		defer func() {
			if p := recover(); p != nil {
				c.answer <- answer{err: p.(error)}
			}
		}()
		v, err := m.d.Do(ctx, key, m.run(key, silent))
		c.answer <- answer{v: v, err: err}
	}()
	synctest.Wait()
	switch k, ok := m.kept[key]; {
	case ok && time.Now().Before(k.expires):
		require.Nil(m.t, m.began)
		c.want = &answer{v: k.value}
		m.sum.Hits++
	case m.flying[key] != nil:
		require.Nil(m.t, m.began)
		m.flying[key].waiting = append(m.flying[key].waiting, c)
		m.sum.Shared++
	default:
		require.NotNil(m.t, m.began, "it is the first")
		m.began.leader = c
		m.flying[key] = m.began
		m.runs = append(m.runs, m.began)
		m.sum.Misses++
	}
}

// run returns the function of a caller: it does what it is told to, when it is told.
func (m *doModel) run(key byte, silent bool) func(context.Context) (int, error) {
	return func(ctx context.Context) (int, error) {
		r := &doRun{key: key, ctx: ctx, silent: silent, gate: make(chan int)}
		m.began = r
		if !silent {
			_ = ctx.Done()
		}
		switch how := <-r.gate; how {
		case withError:
			return 0, errRun
		case withPanic:
			panic(errRun)
		case withGoexit:
			runtime.Goexit()
		}
		return m.values, nil
	}
}

func (m *doModel) cancel(c *doCaller) {
	c.cancel()
	if c.gone || c.want != nil {
		return
	}
	c.gone = true
	for _, r := range m.runs {
		if r.leader == c && !r.over && !r.silent {
			m.leave(r)
		}
		for i, w := range r.waiting {
			if w == c {
				c.want = &answer{err: context.Canceled}
				r.waiting = append(r.waiting[:i:i], r.waiting[i+1:]...)
				m.abandon(r)
			}
		}
	}
}

// poll is what a silent function does that looks whether it is needed still.
func (m *doModel) poll(r *doRun) {
	if r.over {
		require.ErrorIs(m.t, r.ctx.Err(), context.Canceled)
		return
	}
	err := r.ctx.Err()
	if r.leader.gone {
		m.leave(r)
	}
	require.Equal(m.t, r.alone, err != nil)
}

func (m *doModel) leave(r *doRun) {
	r.left = true
	m.abandon(r)
}

func (m *doModel) abandon(r *doRun) {
	if !r.left || len(r.waiting) > 0 {
		return
	}
	r.alone = true
	m.part(r)
}

func (m *doModel) part(r *doRun) {
	if m.flying[r.key] == r {
		delete(m.flying, r.key)
	}
}

func (m *doModel) forget(key byte) {
	k, ok := m.kept[key]
	known := ok && time.Now().Before(k.expires) || m.flying[key] != nil
	delete(m.kept, key)
	delete(m.flying, key)
	require.Equal(m.t, known, m.d.Forget(key))
}

func (m *doModel) end(r *doRun, how int) {
	if r.over {
		return
	}
	r.over = true
	m.values++
	r.gate <- how
	leader, follower := answer{v: m.values}, answer{v: m.values}
	switch how {
	case withValue:
		m.sum.Completed++
		if m.flying[r.key] == r {
			m.kept[r.key] = doKept{m.values, time.Now().Add(100)}
		}
	case withError, withPanic:
		leader, follower = answer{err: errRun}, answer{err: errRun}
	case withGoexit:
		follower = answer{err: dedup.ErrGoexit}
		r.leader.exits = true
	}
	if how != withValue {
		m.sum.Failed++
	}
	m.part(r)
	r.leader.want = &leader
	for _, w := range r.waiting {
		w.want = &follower
	}
}

// release lets everybody go, also where the test has failed.
func (m *doModel) release() {
	for _, r := range m.runs {
		close(r.gate)
	}
	for _, c := range m.callers {
		c.cancel()
	}
}

func (m *doModel) check() {
	synctest.Wait()
	for _, c := range m.callers {
		if c.want == nil || c.exits {
			require.Empty(m.t, c.answer, "it waits still, or has left without a word")
			continue
		}
		require.Len(m.t, c.answer, 1, "it has its answer")
		a := <-c.answer
		c.answer <- a
		require.Equal(m.t, c.want.v, a.v)
		require.ErrorIs(m.t, a.err, c.want.err)
	}
	for _, r := range m.runs {
		if r.silent && !r.over {
			continue
		}
		select {
		case <-r.ctx.Done():
			require.True(m.t, r.over || r.alone, "the context has ended while somebody waits")
		default:
			require.False(m.t, r.over || r.alone, "nobody waits, and the context goes on")
		}
	}
	got := m.d.Snapshot()
	m.sum.InFlight = int(m.sum.Misses - m.sum.Completed - m.sum.Failed)
	m.sum.TTL, m.sum.MaxEntries, m.sum.Expired = got.TTL, got.MaxEntries, got.Expired
	m.sum.Cached = 0
	for _, k := range m.kept {
		if time.Now().Before(k.expires) {
			m.sum.Cached++
		}
	}
	require.Equal(m.t, m.sum, got)
}

package dedup_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/dedup"
)

// FuzzDo runs a script of calls of Do and Join, which give up at any time and whose runs
// end in every way there is, against a model: a list of runs, the callers of each, and what is
// kept. Some callers have deadlines. After each step every caller must have just the
// answer that the model says, and every run a context that is alive just as long as a
// caller waits, has the latest deadline of its waiters, and ends as the last one left.
func FuzzDo(f *testing.F) {
	f.Add([]byte{0, 0, 14, 2, 0})                     // the leader gives up, its follower does not
	f.Add([]byte{0, 0, 14, 6, 0, 2, 10, 0})           // both do; a newcomer, and then the late result
	f.Add([]byte{16, 0, 14, 5, 6, 5, 0, 2, 10, 5})    // the same, and the function looks now and then
	f.Add([]byte{0, 0, 4, 0, 2, 10, 0, 255, 255, 0})  // forgotten, and its late result
	f.Add([]byte{0, 0, 34, 0, 0, 66, 0, 0, 98, 0, 2}) // error, panic, Goexit
	f.Add([]byte{0, 133, 0, 14, 2, 133, 2, 133})      // followers by hand
	f.Add([]byte{128, 160, 14, 63, 63, 5})            // a leader cancelled, a follower too late
	f.Add([]byte{160, 128, 63, 6, 63, 5})             // a leader too late, a follower cancelled
	f.Add([]byte{144, 176, 255, 5, 63, 13, 5})        // the same, and the function looks at the end
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
	left    bool  // the deduplicator knows that the leader has given up
	alone   error // how the last one has left, and so the context has ended
	over    bool
}

type doCaller struct {
	ctx    context.Context
	cancel context.CancelFunc
	by     time.Time // zero for no deadline
	answer chan answer
	want   *answer // nil while it waits
	gone   bool    // cancelled, or too late
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
		m.call(byte(n%2), n/2%2 == 1, max(n/4-3, 0)*20)
	case 2, 3:
		if len(m.runs) > 0 {
			m.end(m.runs[len(m.runs)-1-n%min(len(m.runs), 4)], n/4%4)
		}
	case 4:
		m.forget(byte(n % 2))
	case 5:
		if n >= 16 {
			m.join(byte(n % 2))
		} else if len(m.runs) > 0 {
			m.poll(m.runs[len(m.runs)-1-n%min(len(m.runs), 4)])
		}
	case 6:
		if len(m.callers) > 0 {
			c := m.callers[len(m.callers)-1-n%min(len(m.callers), 6)]
			if c.ctx == nil { // it has joined by hand
				break
			}
			c.cancel()
			m.gone(c, context.Canceled)
		}
	case 7:
		time.Sleep(time.Duration(n))
		m.late()
	}
}

// late has all callers leave whose deadline has passed, one after the other.
func (m *doModel) late() {
	for {
		var first *doCaller
		for _, c := range m.callers {
			if !c.gone && !c.by.IsZero() && !time.Now().Before(c.by) && (first == nil || c.by.Before(first.by)) {
				first = c
			}
		}
		if first == nil {
			return
		}
		m.gone(first, context.DeadlineExceeded)
		first.gone = true // also if it has its answer
	}
}

func (m *doModel) call(key byte, silent bool, patience int) {
	ctx, cancel := context.WithCancel(m.t.Context())
	c := &doCaller{answer: make(chan answer, 1)}
	if patience > 0 {
		c.by = time.Now().Add(time.Duration(patience))
		for slices.ContainsFunc(m.callers, func(o *doCaller) bool { return o.by.Equal(c.by) }) {
			c.by = c.by.Add(1) // the last of two must be one of them
		}
		ctx, cancel = context.WithDeadline(m.t.Context(), c.by)
	}
	c.ctx, c.cancel = ctx, cancel
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

// join has a follower by hand wait for the key. It waits for ever.
func (m *doModel) join(key byte) {
	c := &doCaller{cancel: func() {}, answer: make(chan answer, 2)}
	check := m.d.Join(key, told(func(v int, err error) { c.answer <- answer{v: v, err: err} }))
	switch k, ok := m.kept[key]; {
	case ok && time.Now().Before(k.expires):
		require.Equal(m.t, dedup.Check[int]{State: dedup.Cached, Value: k.value}, check)
		m.sum.Hits++
		return
	case m.flying[key] == nil:
		require.Equal(m.t, dedup.First, check.State)
		require.True(m.t, m.d.Fail(check.Token, errRun))
		m.sum.Misses++
		m.sum.Failed++
		return
	}
	require.Equal(m.t, dedup.Check[int]{State: dedup.InProgress}, check)
	m.callers = append(m.callers, c)
	m.flying[key].waiting = append(m.flying[key].waiting, c)
	m.sum.Shared++
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

// gone is called when c has been cancelled or is too late.
func (m *doModel) gone(c *doCaller, how error) {
	if c.gone || c.want != nil {
		return
	}
	c.gone = true
	for _, r := range m.runs {
		if r.leader == c && !r.over && !r.silent {
			m.leave(r, how)
		}
		for i, w := range r.waiting {
			if w == c {
				c.want = &answer{err: how}
				r.waiting = append(r.waiting[:i:i], r.waiting[i+1:]...)
				if r.leader.gone { // the follower sees that
					m.leave(r, how)
				}
			}
		}
	}
}

// poll is what a silent function does that looks whether it is needed still.
func (m *doModel) poll(r *doRun) {
	err := r.ctx.Err()
	switch {
	case r.over && r.alone == nil:
		require.ErrorIs(m.t, err, context.Canceled)
		return
	case r.leader.gone && !r.over:
		m.leave(r, r.leader.ctx.Err())
	}
	require.Equal(m.t, r.alone, err)
}

// leave says that the leader has left, and how the caller did that has left now.
func (m *doModel) leave(r *doRun, how error) {
	r.left = true
	if len(r.waiting) > 0 || r.alone != nil {
		return
	}
	r.alone = how
	m.part(r)
}

// deadline is the latest of the callers that wait for r, zero for none.
func (m *doModel) deadline(r *doRun) (latest time.Time) {
	waiting := r.waiting
	if !r.leader.gone || len(waiting) == 0 {
		waiting = append(waiting[:len(waiting):len(waiting)], r.leader)
	}
	for _, w := range waiting {
		if w.by.IsZero() {
			return time.Time{}
		}
		if w.by.After(latest) {
			latest = w.by
		}
	}
	return latest
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

// release ends all runs and callers, also if the test has failed.
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
		if !r.over {
			by, ok := r.ctx.Deadline()
			require.Equal(m.t, m.deadline(r), by)
			require.Equal(m.t, ok, !by.IsZero())
		}
		if r.silent && !r.over {
			continue
		}
		select {
		case <-r.ctx.Done():
			require.True(m.t, r.over || r.alone != nil, "the context has ended while a caller waits")
		default:
			require.False(m.t, r.over || r.alone != nil, "no caller waits, and the context goes on")
		}
		if r.alone != nil {
			require.Equal(m.t, r.alone, r.ctx.Err())
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
	require.NoError(m.t, m.d.Invariants())
}

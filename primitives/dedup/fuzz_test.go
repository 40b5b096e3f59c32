package dedup_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/dedup"
)

// script runs the deduplicator and its model side by side, in virtual time. Each
// step of 3 bytes is an operation, a key and an argument.
type script struct {
	t      *testing.T
	d      *dedup.Dedup[byte, int]
	m      *model
	ttls   bool // calls have ttls of their own
	tokens []owned
	told   []*recorder // what each follower was told
	wants  []*recorder // and should have been
	values int
}

type owned struct {
	token  dedup.Token
	flight *modelFlight
}

var errScript = errors.New("script")

// newScript reads the policy from two bytes. A cap together with ttls that differ
// is left out: which expired results still take room there is not promised.
func newScript(t *testing.T, b, more byte) *script {
	s := &script{t: t, m: &model{flights: map[byte]*modelFlight{}}}
	s.m.ttl = []time.Duration{0, 5, 40, 1 << 40}[b%4]
	opts := []dedup.Option{dedup.Unbounded()}
	if s.m.limit = int(b / 4 % 4); s.m.limit > 0 {
		opts[0] = dedup.MaxEntries(s.m.limit)
	}
	if s.m.weight = int64(more / 16 % 8); s.m.weight > 0 {
		opts = append(opts, dedup.MaxWeight(s.m.weight))
	}
	if s.m.stale = []time.Duration{0, 3, 30, 1 << 40}[more%4]; s.m.stale > 0 {
		opts = append(opts, dedup.ServeStale(s.m.stale))
	}
	bounded := s.m.limit > 0 || s.m.weight > 0
	if s.m.errs = []time.Duration{0, 4, 50, 500}[more/4%4]; bounded {
		s.m.errs = 0
	}
	if s.m.errs > 0 {
		opts = append(opts, dedup.ErrorTTL(s.m.errs))
	}
	s.ttls = !bounded && b >= 128
	d, err := dedup.New[byte](dedup.Window(s.m.ttl, opts...), dedup.Hooks[int]{Weigh: func(v int) int64 { return int64(v % 4) }})
	require.NoError(t, err)
	s.d = d
	return s
}

func (s *script) step(op, key, arg byte) {
	key %= 12
	switch op % 13 {
	case 0, 1, 2:
		s.check(key, arg%2 == 0)
	case 3, 4, 5:
		s.end(arg, op%13 == 3)
	case 6:
		v, ok := s.d.Get(key)
		want, wantOK := s.m.get(key)
		require.Equal(s.t, wantOK, ok)
		require.Equal(s.t, want, v)
		require.Equal(s.t, wantOK, s.d.Contains(key))
	case 7:
		if !s.ttls && s.m.errs == 0 { // of all shards, it looks at what expires first
			require.Equal(s.t, s.m.evict(), s.d.EvictOldest())
		}
	case 8:
		s.d.Purge()
		require.Zero(s.t, s.d.Purge())
	case 9:
		if arg < 32 {
			s.d.Clear()
			s.m.clear()
		}
	case 10:
		s.snapshot()
	case 11:
		s.sleep(time.Duration(arg))
	case 12:
		require.Equal(s.t, s.m.forget(key), s.d.Forget(key))
	}
	s.sleep(1) // no two results are kept at the same time, so the oldest is one
}

func (s *script) sleep(d time.Duration) {
	time.Sleep(d)
	s.m.now += d
	s.m.expire()
}

func (s *script) check(key byte, join bool) {
	state, result, flight := s.m.check(key)
	var opts []dedup.CallOption
	if key%2 == 0 {
		opts = append(opts, dedup.At(time.Now()))
	}
	var c dedup.Check[int]
	if join {
		got, want := new(recorder), new(recorder)
		c = s.d.Join(key, got, opts...)
		if state == dedup.InProgress {
			flight.followers = append(flight.followers, want)
		}
		s.told, s.wants = append(s.told, got), append(s.wants, want)
	} else {
		c = s.d.Check(key, opts...)
	}
	require.Equal(s.t, state, c.State)
	if result == nil {
		result = new(modelResult)
	}
	require.Equal(s.t, result.value, c.Value)
	require.Equal(s.t, result.failed, c.Err != nil)
	if state == dedup.First || state == dedup.Stale {
		s.tokens = append(s.tokens, owned{c.Token, flight})
	} else {
		require.Zero(s.t, c.Token)
	}
}

// end uses any token that was ever given out, mostly a late one.
func (s *script) end(arg byte, fail bool) {
	if len(s.tokens) == 0 {
		return
	}
	o := s.tokens[len(s.tokens)-1-int(arg)%min(len(s.tokens), 8)]
	s.values++
	ttl, opts := s.m.ttl, []dedup.CallOption(nil)
	if s.ttls && arg%3 == 0 {
		ttl = time.Duration(arg) - 20
		opts = append(opts, dedup.TTL(ttl))
	}
	followers := o.flight.followers
	ok := s.m.end(o.flight, s.values, fail, ttl)
	if fail {
		require.Equal(s.t, ok, s.d.Fail(o.token, errScript))
	} else {
		require.Equal(s.t, ok, s.d.Complete(o.token, s.values, opts...))
	}
	if !ok {
		return
	}
	for _, w := range followers {
		if fail {
			w.Done(0, errScript)
		} else {
			w.Done(s.values, nil)
		}
	}
	require.Equal(s.t, s.wants, s.told)
}

func (s *script) snapshot() {
	got := s.d.Snapshot()
	want := s.m.sum
	want.TTL, want.MaxEntries, want.Cached = s.m.ttl, s.m.limit, len(s.m.results)
	want.MaxWeight, want.Weight = s.m.weight, s.m.weighs()
	want.Expired = got.Expired
	require.Equal(s.t, want, got)
	require.Equal(s.t, got.Misses+got.Renewals, uint64(got.InFlight)+got.Completed+got.Failed)
	require.NoError(s.t, s.d.Invariants())
}

// FuzzModel compares the deduplicator with the naive model, step by step.
func FuzzModel(f *testing.F) {
	for policy := range byte(128) {
		var steps []byte
		for i := range 900 {
			steps = append(steps, byte(i*i*7+i/3*int(policy+1)))
		}
		f.Add(policy, policy*37, steps)
		f.Add(policy+128, policy*5, steps)
	}
	f.Fuzz(func(t *testing.T, policy, more byte, steps []byte) {
		synctest.Test(t, func(t *testing.T) {
			s := newScript(t, policy, more)
			for ; len(steps) >= 3; steps = steps[3:] {
				s.step(steps[0], steps[1], steps[2])
			}
			s.snapshot()
		})
	})
}

package retry_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/outcome"
	"github.com/weir-go/weir/primitives/retry"
)

// try is one step of a script: what a call of the function ends with.
type try struct {
	err       error
	permanent bool
	rejected  bool
	nested    bool
	timeout   bool // of the class that has a limit
	after     time.Duration
}

var errForbidden = errors.New("forbidden")

func tryOf(b byte) try {
	arg := time.Duration(b >> 3)
	switch b & 7 {
	case 0:
		return try{}
	case 1:
		return try{err: errTimeout, timeout: true}
	case 2:
		return try{err: outcome.AsPermanent(errForbidden), permanent: true}
	case 3:
		after := arg * 20 * time.Second // up to ten minutes
		return try{err: outcome.AsThrottled(errDown, after), after: after}
	case 4:
		return try{err: rejection{arg * time.Second}, rejected: true, after: arg * time.Second}
	case 5: // has been tried again inside
		return try{err: &retry.Error{Attempts: 2, Reason: retry.Exhausted, Err: errDown}, nested: true}
	case 6: // has not: it was permanent, there
		r, _ := retry.New(retry.None())
		_, err := r.Do(context.Background(), func(context.Context) (int, error) { return 0, outcome.AsPermanent(errDown) })
		return try{err: err}
	}
	return try{err: errDown}
}

// rules are the options of a policy, for the model.
type rules struct {
	attempts, limit int
	elapsed         time.Duration // 0: none
	rejected        bool
	nested          bool
	deadline        time.Duration // of the context, from the beginning of each call; 0: none
	tokens          float64       // of the budget; below 0: none
	burst           float64
}

const (
	doWork  = 3 * time.Second // that each call of the function takes
	doDelay = 5 * time.Second
)

// run is the model of one call of Do. It returns how the call ends and when.
func (m *rules) run(script []try) (reason retry.Reason, attempts, calls int, now time.Duration) {
	dead := func() bool { return m.deadline > 0 && now > m.deadline }
	deposit := func() {
		if m.tokens >= 0 {
			m.tokens = min(m.tokens+0.5, m.burst)
		}
	}
	patience := 5 * time.Minute
	if m.elapsed > 0 {
		patience = min(patience, m.elapsed)
	}
	for {
		s := try{err: errDown} // when the script is over
		if calls < len(script) {
			s = script[calls]
		}
		calls++
		now += doWork
		free := s.rejected // also if the context has ended meanwhile
		if !free {
			if attempts++; attempts == 1 {
				deposit()
			}
		}
		wait := doDelay
		if s.after > 0 {
			wait = s.after
		}
		switch {
		case s.err == nil:
			return 0, attempts, calls, now
		case dead() && !s.permanent:
			return retry.Deadline, attempts, calls, now
		case s.permanent:
			return retry.Permanent, attempts, calls, now
		case free && !(m.rejected && s.after > 0):
			return retry.Rejected, attempts, calls, now
		case attempts >= m.attempts || s.timeout && attempts >= m.limit:
			return retry.Exhausted, attempts, calls, now
		case s.after > patience:
			return retry.Postponed, attempts, calls, now
		case s.nested && !m.nested:
			return retry.Nested, attempts, calls, now
		case m.deadline > 0 && now+wait > m.deadline:
			return retry.Deadline, attempts, calls, now
		case m.elapsed > 0 && now+wait > m.elapsed:
			return retry.Elapsed, attempts, calls, now
		case !free && m.tokens >= 0 && m.tokens < 1:
			return retry.OverBudget, attempts, calls, now
		case !free && m.tokens >= 0:
			m.tokens--
		}
		now += wait
	}
}

// FuzzDo lets calls go through anything, one after the other, under a policy with
// any options, and compares each with the model: how it ended, after how many
// attempts, and when to the nanosecond. The last error is there on every exit.
func FuzzDo(f *testing.F) {
	f.Add(byte(3), byte(0), byte(0), byte(0), []byte{7, 7, 0, 7, 7, 7})
	f.Add(byte(9), byte(0x3f), byte(40), byte(99), []byte{0xff, 0x0c, 0x64, 1, 1, 5, 6, 0xfb, 2})
	f.Add(byte(5), byte(0x24), byte(0), byte(0), []byte{7, 7, 7, 7, 7, 7, 7, 7, 7, 7})
	f.Add(byte(9), byte(0), byte(20), byte(0), []byte{7, 7, 7, 7, 7, 7}) // until max elapsed
	f.Add(byte(9), byte(0), byte(0), byte(0), []byte{0x7b, 0x83})        // as long as told is borne, and longer
	f.Add(byte(3), byte(0), byte(0), byte(2), []byte{0x24, 0x24})        // rejected when the context has ended
	f.Add(byte(2), byte(0x0b), byte(30), byte(7), []byte{0x24, 0x24, 4, 0x1c})
	f.Fuzz(func(t *testing.T, attempts, options, elapsed, deadline byte, bytes []byte) {
		if len(bytes) > 200 {
			return
		}
		m := &rules{attempts: int(attempts%10) + 1, limit: 2, tokens: -1}
		opts := []retry.Option{retry.Limit(isTimeout, 2)}
		if options&1 != 0 {
			m.rejected, m.elapsed = true, time.Hour // lest it never ends
			opts = append(opts, retry.RetryRejected())
		}
		if options&2 != 0 {
			m.nested = true
			opts = append(opts, retry.RetryNested())
		}
		if options&4 != 0 {
			m.burst = float64(options>>5) + 1
			m.tokens = m.burst
			opts = append(opts, retry.WithBudget(newBudget(t, 0.5, 0, int(m.burst))))
		}
		if elapsed > 0 {
			m.elapsed = time.Duration(elapsed) * time.Second
		}
		if m.elapsed > 0 {
			opts = append(opts, retry.MaxElapsed(m.elapsed))
		}
		if deadline > 0 { // at no time at which anything else happens
			m.deadline = time.Duration(deadline)*time.Second + time.Second/2
		}
		var script []try
		for _, b := range bytes {
			script = append(script, tryOf(b))
		}
		synctest.Test(t, func(t *testing.T) {
			r := newRetrier(t, retry.Constant(m.attempts, doDelay, opts...))
			for range 3 {
				script = requireDo(t, r, m, script)
			}
		})
	})
}

// requireDo makes one call, compares it with the model, and returns what is left
// of the script.
func requireDo(t *testing.T, r *retry.Retrier, m *rules, script []try) []try {
	t.Helper()
	ctx := t.Context()
	if m.deadline > 0 {
		timed, cancel := context.WithTimeout(ctx, m.deadline)
		defer cancel()
		ctx = timed
	}
	reason, attempts, calls, took := m.run(script)
	begin, made := time.Now(), 0
	var last error
	_, err := r.Do(ctx, func(context.Context) (int, error) {
		last = errDown
		if made < len(script) {
			last = script[made].err
		}
		made++
		time.Sleep(doWork)
		return made, last
	})
	require.Equal(t, calls, made)
	require.Equal(t, took, time.Since(begin))
	if reason == 0 {
		require.NoError(t, err)
		return script[calls:]
	}
	e := requireError(t, err)
	require.Equal(t, reason, e.Reason)
	require.Equal(t, attempts, e.Attempts)
	require.ErrorIs(t, err, last)
	require.Equal(t, reason == retry.Deadline, errors.Is(err, context.DeadlineExceeded))
	return script[min(calls, len(script)):]
}

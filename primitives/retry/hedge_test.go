package retry_test

import (
	"context"
	"errors"
	"io"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/outcome"
	"github.com/weir-go/weir/primitives/retry"
)

// copies is a function whose copies take their time as told, and then return
// their number, or the error told. They heed their context.
type copies struct {
	mu    sync.Mutex
	took  []time.Duration
	errs  map[int]error
	begun []time.Time
	ended int
}

func (c *copies) call(ctx context.Context) (int, error) {
	c.mu.Lock()
	n := len(c.begun)
	c.begun = append(c.begun, time.Now())
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		c.ended++
		c.mu.Unlock()
	}()
	select {
	case <-time.After(c.took[n]):
		return n, c.errs[n]
	case <-ctx.Done():
		return n, ctx.Err()
	}
}

func TestHedge(t *testing.T) {
	const s = time.Second
	permanent := outcome.AsPermanent(errDown)
	tests := []struct {
		name  string
		took  []time.Duration
		errs  map[int]error
		value int
		err   error
		calls int
		after time.Duration
	}{
		{"a quick answer needs no other copy", []time.Duration{s - 1}, nil, 0, nil, 1, s - 1},
		{"the second copy is quicker", []time.Duration{time.Hour, s - 1}, nil, 1, nil, 2, 2*s - 1},
		{"the first copy is quicker still", []time.Duration{s + 1, s - 1}, nil, 0, nil, 2, s + 1},
		{"the third copy is quicker", []time.Duration{time.Hour, time.Hour, s}, nil, 2, nil, 3, 3 * s},
		{"no more than three", []time.Duration{time.Hour, time.Hour, time.Hour}, nil, 0, nil, 3, time.Hour},
		{"a failure waits for the others", []time.Duration{time.Hour, s / 2}, map[int]error{1: errDown}, 0, nil, 3, time.Hour},
		{"a failure of the first too", []time.Duration{s + 1, s - 1}, map[int]error{0: errDown}, 1, nil, 2, 2*s - 1},
		{"and more begin meanwhile", []time.Duration{s + 1, time.Hour, s}, map[int]error{0: errDown}, 2, nil, 3, 3 * s},
		{"a failure alone begins no other", []time.Duration{s / 2}, map[int]error{0: errDown}, 0, errDown, 1, s / 2},
		{"all fail", []time.Duration{4 * s, s, s}, map[int]error{0: errDown, 1: errTimeout, 2: errTimeout}, 0, errDown, 3, 4 * s},
		{"a rejection does not hide a failure", []time.Duration{s + 1, s - 1}, map[int]error{0: errDown, 1: rejection{s}}, 0, errDown, 2, 2*s - 1},
		{"a permanent error is an answer", []time.Duration{time.Hour, s / 2}, map[int]error{1: permanent}, 1, permanent, 2, s + s/2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRetrier(t, retry.None(retry.Hedge(s, 3)))
				c := &copies{took: append(tt.took, time.Hour, time.Hour), errs: tt.errs}
				start := time.Now()
				v, err := r.Do(t.Context(), c.call)
				require.Equal(t, tt.after, time.Since(start))
				require.ErrorIs(t, err, tt.err)
				require.Equal(t, tt.value, v)
				require.Len(t, c.begun, tt.calls)
				for i, begun := range c.begun {
					require.Equal(t, time.Duration(i)*s, begun.Sub(start))
				}
				require.Equal(t, tt.calls, c.ended, "the losers were waited for")
				require.EqualValues(t, tt.calls-1, r.Snapshot().Hedges)
				require.EqualValues(t, 1, r.Snapshot().Attempts)
			})
		})
	}
}

func TestHedgeIsRefused(t *testing.T) {
	require.ErrorContains(t, retry.None(retry.Hedge(0, 2)).Validate(), "hedge is after 0s, want more than 0")
	require.ErrorContains(t, retry.None(retry.Hedge(1, 0)).Validate(), "hedge is 0 copies, want at least 1")
	require.True(t, newRetrier(t, retry.None(retry.Hedge(1, 2))).Hedges())
	require.False(t, newRetrier(t, retry.None(retry.Hedge(1, 1))).Hedges())
	require.False(t, newRetrier(t, retry.None()).Hedges())
}

// Each attempt is a race of its own, with the delays of the policy in between.
func TestHedgedAttemptsAreTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRetrier(t, retry.Constant(3, time.Minute, retry.Hedge(time.Second, 2)))
		c := &copies{
			took: []time.Duration{3 * time.Second, time.Second, time.Second / 2, time.Hour, time.Second},
			errs: map[int]error{0: errDown, 1: errDown, 2: errDown},
		}
		start := time.Now()
		v, err := r.Do(t.Context(), c.call)
		require.NoError(t, err)
		require.Equal(t, 4, v)
		require.Equal(t, (3+60)*time.Second+(500+60_000)*time.Millisecond+2*time.Second, time.Since(start))
		s := r.Snapshot()
		require.EqualValues(t, 3, s.Attempts)
		require.EqualValues(t, 2, s.Retries)
		require.EqualValues(t, 2, s.Hedges)
	})
}

func TestHedgeEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRetrier(t, retry.Constant(3, time.Second, retry.Hedge(time.Second, 9)))
		ctx, cancel := context.WithTimeout(t.Context(), 2500*time.Millisecond)
		defer cancel()
		c := &copies{took: []time.Duration{time.Hour, time.Hour, time.Hour}}
		_, err := r.Do(ctx, c.call)
		require.Equal(t, retry.Deadline, requireError(t, err).Reason)
		require.Len(t, c.begun, 3)
		require.Equal(t, 3, c.ended)
	})
}

func TestHedgesCountAgainstTheBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(t, 0.01, 0, 1)
		r := newRetrier(t, retry.Constant(2, time.Second, retry.Hedge(time.Second, 9), retry.WithBudget(b)))
		c := &copies{took: []time.Duration{time.Minute, time.Minute}, errs: map[int]error{0: errDown, 1: errDown}}
		_, err := r.Do(t.Context(), c.call)
		require.Equal(t, retry.OverBudget, requireError(t, err).Reason)
		require.Len(t, c.begun, 2, "one copy more, and then neither another nor a retry")
		require.Equal(t, retry.BudgetSnapshot{Tokens: 0.01, Retries: 1, Refused: 2}, b.Snapshot())
	})
}

// A panic of the caller's own copy is the panic itself, one of another goroutine
// carries its stack. Neither leaves a copy behind.
func TestHedgedPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for which := range 3 {
			r := newRetrier(t, retry.Constant(9, time.Second, retry.Hedge(time.Second, 3)))
			var begun, ended atomic.Int32
			call := func(ctx context.Context) (int, error) {
				n := int(begun.Add(1)) - 1
				defer ended.Add(1)
				if n == which {
					time.Sleep(3*time.Second + 1)
					panic(io.ErrUnexpectedEOF)
				}
				<-ctx.Done()
				return n, ctx.Err()
			}
			func() {
				defer func() {
					p := recover()
					if which == 0 {
						require.Equal(t, io.ErrUnexpectedEOF, p)
						return
					}
					e, ok := p.(*retry.PanicError)
					require.True(t, ok, "%v", p)
					require.Equal(t, io.ErrUnexpectedEOF, e.Value)
					require.ErrorIs(t, e, io.ErrUnexpectedEOF)
					require.Contains(t, string(e.Stack), "TestHedgedPanic")
					require.ErrorContains(t, e, "unexpected EOF")
				}()
				_, _ = r.Do(t.Context(), call)
			}()
			require.EqualValues(t, 3, begun.Load())
			require.EqualValues(t, 3, ended.Load())
		}
	})
}

// As t.FailNow does it.
func TestHedgedGoexit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for which := range int32(2) {
			r := newRetrier(t, retry.Constant(9, time.Second, retry.Hedge(time.Second, 2)))
			var begun, ended atomic.Int32
			var wg sync.WaitGroup
			wg.Go(func() {
				_, _ = r.Do(context.Background(), func(ctx context.Context) (int, error) {
					defer ended.Add(1)
					if begun.Add(1)-1 == which {
						time.Sleep(5 * time.Second)
						runtime.Goexit()
					}
					<-ctx.Done()
					return 0, nil
				})
				assert.Fail(t, "Goexit goes through")
			})
			wg.Wait()
			require.EqualValues(t, 2, begun.Load())
			require.EqualValues(t, 2, ended.Load())
		}
	})
}

// A classifier that panics is user code like any other.
func TestHedgedClassifierPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, took := range []time.Duration{time.Second / 2, time.Hour} {
			r := newRetrier(t, retry.None(retry.Hedge(time.Second, 2), retry.Classify(
				func(context.Context, error) outcome.Outcome { panic("boom") })))
			c := &copies{took: []time.Duration{took, time.Second}, errs: map[int]error{0: errDown, 1: errDown}}
			require.Panics(t, func() { _, _ = r.Do(t.Context(), c.call) })
			require.Equal(t, len(c.begun), c.ended)
		}
	})
}

// Many races at once, each decided by chance, and all books balance.
func TestHedgeStress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(t, 0.1, 1e9, 1e9)
		r := newRetrier(t, retry.Constant(3, time.Millisecond, retry.Hedge(time.Millisecond, 4), retry.WithBudget(b)))
		var running atomic.Int32
		var calls atomic.Uint64
		var wg sync.WaitGroup
		for i := range 500 {
			wg.Go(func() {
				_, err := r.Do(t.Context(), func(ctx context.Context) (int, error) {
					running.Add(1)
					defer running.Add(-1)
					n := calls.Add(1)
					select {
					case <-time.After(time.Duration((uint64(i)*7+n*13)%5) * time.Millisecond):
						if n%3 == 0 {
							return 0, errDown
						}
						return 1, nil
					case <-ctx.Done():
						return 0, ctx.Err()
					}
				})
				assert.True(t, err == nil || errors.Is(err, errDown), "%v", err)
			})
		}
		wg.Wait()
		require.Zero(t, running.Load())
		s := r.Snapshot()
		require.Equal(t, calls.Load(), s.Attempts+s.Hedges)
		require.Equal(t, s.Retries+s.Hedges, b.Snapshot().Retries)
		require.EqualValues(t, 500, s.Calls)
		require.Greater(t, s.Hedges, uint64(100))
	})
}

// A hedge of one copy costs nothing.
func TestOneCopyIsNoRace(t *testing.T) {
	r := newRetrier(t, retry.Constant(math.MaxInt, time.Second, retry.Hedge(time.Second, 1)))
	require.Zero(t, testing.AllocsPerRun(100, func() { _, _ = r.Do(t.Context(), succeed) }))
}

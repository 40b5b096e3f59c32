package stack_test

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/outcome"
	"github.com/weir-go/weir/primitives/retry"
	"github.com/weir-go/weir/primitives/stack"
)

// body is a value that must be closed.
type body struct {
	n      int64
	closed atomic.Int32
}

func closeBody(b *body) {
	if b != nil {
		b.closed.Add(1)
	}
}

// bodies returns a function whose calls fail as told, and what it has returned.
func bodies(fails ...error) (stack.Func[string, *body], *[]*body) {
	var made []*body
	return func(context.Context, string) (*body, error) {
		n := len(made)
		for _, b := range made {
			if b.closed.Load() != 1 {
				panic("the next try begins, and an earlier body is open")
			}
		}
		made = append(made, &body{n: int64(n)})
		if n < len(fails) {
			return made[n], fails[n]
		}
		return made[n], nil
	}, &made
}

func TestDroppedValues(t *testing.T) {
	permanent := outcome.AsPermanent(errDown)
	for name, tt := range map[string]struct {
		fails []error
		kept  int
	}{
		"the first succeeds": {nil, 0},
		"the third succeeds": {[]error{errDown, errDown}, 2},
		"all fail":           {[]error{errDown, errDown, errDown}, 2},
		"one is permanent":   {[]error{errDown, permanent}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, made := bodies(tt.fails...)
				v, _ := stack.Around(f).Retry(retry.Constant(3, time.Second), closeBody).Do(t.Context(), "a")
				require.EqualValues(t, tt.kept, v.n)
				require.Len(t, *made, tt.kept+1)
				for _, b := range *made {
					require.EqualValues(t, map[bool]int{true: 0, false: 1}[b == v], b.closed.Load(), "body %d", b.n)
				}
			})
		})
	}
}

// If the wait ends with the context, the value of the last try reaches the caller, which
// closes it. A call without a try has the zero value.
func TestDroppedValuesAtTheEndOfTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, made := bodies(errDown, errDown, errDown)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(1500*time.Millisecond, cancel)
		v, err := stack.Around(f).Retry(retry.Constant(3, time.Second), closeBody).Do(ctx, "a")
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, (*made)[1], v)
		require.EqualValues(t, 1, (*made)[0].closed.Load())
		require.Zero(t, v.closed.Load())

		v, err = stack.Around(f).Retry(retry.None(), closeBody).Do(ctx, "a")
		require.ErrorIs(t, err, context.Canceled)
		require.Nil(t, v, "no try was made")
	})
}

func TestDroppedValuesBeforeARejection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, made := bodies(errDown, errDown)
		v, err := stack.Around(f).Retry(retry.Constant(3, time.Second), closeBody).
			Breaker(breaker.Consecutive("m", 1, time.Minute)).Do(t.Context(), "a")
		require.ErrorIs(t, err, breaker.ErrOpen)
		require.Nil(t, v)
		require.Len(t, *made, 1)
		require.EqualValues(t, 1, (*made)[0].closed.Load())
	})
}

// The values of copies that lose a hedge are dropped, and so are all values of a call that
// panics.
func TestDroppedValuesOfHedges(t *testing.T) {
	for name, end := range map[string]func(){"wins": func() {}, "panics": func() { panic("boom") }, "exits": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var made [4]body
				var calls atomic.Int64
				s := stack.Around(func(context.Context, string) (*body, error) {
					n := calls.Add(1)
					if n == 3 {
						end()
					} else {
						time.Sleep(10*time.Second - time.Duration(n))
					}
					made[n].n = n
					return &made[n], nil
				}).Retry(retry.None(retry.Hedge(time.Second, 3)), closeBody)
				var v *body
				done := make(chan struct{})
				go func() {
					defer close(done)
					defer func() { _ = recover() }()
					v, _ = s.Do(context.Background(), "a")
				}()
				<-done
				require.EqualValues(t, 3, calls.Load())
				if name == "wins" {
					require.EqualValues(t, 3, v.n)
				}
				for i := 1; i < 3; i++ {
					require.EqualValues(t, 1, made[i].closed.Load(), "copy %d", i)
				}
				require.Zero(t, made[3].closed.Load())
			})
		})
	}
}

// All values are dropped, though one of the functions panics.
func TestDropThatPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, made := bodies(errDown)
		s := stack.Around(f).Retry(retry.Constant(3, time.Second), func(*body) { panic("drop") }, closeBody)
		require.PanicsWithValue(t, "drop", func() { _, _ = s.Do(t.Context(), "a") })
		require.Len(t, *made, 1)
		require.EqualValues(t, 1, (*made)[0].closed.Load())
	})
}

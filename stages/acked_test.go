package stages

import (
	"context"
	"errors"
	"io"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// queue hands out 0 to n-1, size at a time, and notes what it hears.
type queue struct {
	n, size int
	gap     time.Duration // before each batch
	end     error         // comes with the last batch

	next int
	mu   sync.Mutex
	errs map[int][]error
}

func (q *queue) read(ctx context.Context) (batch []Delivery[int], err error) {
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(q.gap):
	}
	for ; len(batch) < q.size && q.next < q.n; q.next++ {
		v := q.next
		batch = append(batch, Delivery[int]{v, func(err error) {
			q.mu.Lock()
			defer q.mu.Unlock()
			if q.errs == nil {
				q.errs = map[int][]error{}
			}
			q.errs[v] = append(q.errs[v], err)
		}})
	}
	if q.next == q.n {
		err = q.end
	}
	return batch, err
}

// once checks that what was handed out was acknowledged once.
func (q *queue) once(t *testing.T) {
	t.Helper()
	require.Equal(t, upTo(q.next), slices.Sorted(maps.Keys(q.errs)))
	for v, errs := range q.errs {
		require.Len(t, errs, 1, "value %d", v)
	}
}

func TestAckedAcknowledgesEachDelivery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &queue{n: 10, size: 4, end: io.EOF}
		r := through(t, Acked(q.read), Map(thirds))
		require.NoError(t, r.err)
		require.Len(t, r.out, 4)
		q.once(t)
		require.NoError(t, q.errs[3][0])
		require.ErrorIs(t, q.errs[4][0], errOdd)
	})
}

// What comes with an error enters the flow before the run stops.
func TestAnErrorOfReadStopsTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &queue{n: 3, size: 5, end: errGone}
		r := through(t, Acked(q.read), Map(same))
		require.ErrorIs(t, r.err, errGone)
		require.ErrorContains(t, r.err, `stage "source"`)
		require.Equal(t, upTo(3), r.out)
		q.once(t)
	})
}

func TestAckedStopsWithTheIntake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &queue{n: 1000, size: 5, gap: time.Second}
		r := through(t, Acked(q.read), Map(same), after(3500*time.Millisecond, stop))
		require.NoError(t, r.err)
		require.Equal(t, upTo(15), r.out)
		q.once(t)
	})
}

// The edge holds 16 items; those of the batch that it has not taken by the abort
// are acknowledged all the same.
func TestAnAbortAcknowledgesWhatWasReadAndNotTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &queue{n: 100, size: 100}
		through(t, Acked(q.read), Map(takes(time.Second)), after(2500*time.Millisecond, abort))
		q.once(t)
		require.NoError(t, q.errs[1][0])
		require.ErrorIs(t, q.errs[99][0], ErrAborted)
		require.ErrorIs(t, q.errs[99][0], errGone)
	})
}

func TestADeliveryNeedsNoAcknowledgement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, Acked(func(context.Context) ([]Delivery[int], error) { return []Delivery[int]{{Value: 1}}, io.EOF }), Map(same))
		require.Equal(t, []int{1}, r.out)
	})
	require.Error(t, Acked[int](nil).(Validator).Validate())
}

// committed notes what is committed.
type committed struct {
	mu sync.Mutex
	of map[string][]int
}

func (c *committed) commit(partition string, position int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of == nil {
		c.of = map[string][]int{}
	}
	c.of[partition] = append(c.of[partition], position)
	return nil
}

func begun(t *testing.T, c *Commits[string, int], partition string, positions ...int) map[int]func(error) {
	t.Helper()
	done := map[int]func(error){}
	for _, p := range positions {
		var err error
		done[p], err = c.Begin(t.Context(), partition, p)
		require.NoError(t, err)
	}
	return done
}

func TestCommitsFollowTheWatermarkOfEachPartition(t *testing.T) {
	var log committed
	c := &Commits[string, int]{Commit: log.commit}
	a, b := begun(t, c, "a", 1, 2, 3, 4, 5), begun(t, c, "b", 7, 9)
	a[3](nil)
	a[5](nil)
	b[7](nil)
	require.Equal(t, map[string][]int{"b": {7}}, log.of)
	a[1](nil)
	a[1](errGone) // only the first call counts
	a[2](nil)
	require.Equal(t, 2, c.Open("a"))
	a[4](nil)
	b[9](nil)
	require.Equal(t, map[string][]int{"a": {1, 3, 5}, "b": {7, 9}}, log.of)
	require.Zero(t, c.Open("a"))
	require.Empty(t, c.parts, "at rest there is nothing")
	require.NoError(t, c.Err())
}

func TestAFullWindowIsBackpressure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log committed
		c := &Commits[string, int]{Window: 2, Commit: log.commit}
		done := begun(t, c, "a", 1, 2)
		begun(t, c, "b", 1, 2)
		done[2](nil) // does not help: 1 is open
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := c.Begin(ctx, "a", 3)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		time.AfterFunc(time.Minute, func() { done[1](nil) })
		start := time.Now()
		begun(t, c, "a", 3, 4)
		require.Equal(t, time.Minute, time.Since(start))
	})
}

func TestAFailureHaltsItsPartition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log committed
		c := &Commits[string, int]{Window: 3, Commit: log.commit}
		done := begun(t, c, "a", 1, 2, 3)
		time.AfterFunc(time.Second, func() { done[2](errGone) })
		_, err := c.Begin(t.Context(), "a", 4)
		require.ErrorIs(t, err, ErrHalted)
		require.ErrorIs(t, err, errGone)
		require.ErrorContains(t, err, "a at 2 failed")
		done[3](nil)
		done[1](nil)
		require.Equal(t, []int{1}, log.of["a"], "all before it is committed, and nothing after")
		require.Equal(t, err, c.Err())
		begun(t, c, "b", 1) // goes on
		c.Forget("a")
		begun(t, c, "a", 2)
	})
}

func TestACommitThatFailsHaltsItsPartition(t *testing.T) {
	c := &Commits[string, int]{Commit: func(string, int) error { return errGone }}
	begun(t, c, "a", 1)[1](nil)
	_, err := c.Begin(t.Context(), "a", 2)
	require.ErrorIs(t, err, ErrHalted)
	require.ErrorIs(t, err, errGone)

	c = &Commits[string, int]{Commit: func(string, int) error { panic("no") }}
	done := begun(t, c, "a", 1)
	require.PanicsWithValue(t, "no", func() { done[1](nil) })
	_, err = c.Begin(t.Context(), "a", 2)
	require.ErrorIs(t, err, ErrHalted)
}

// Commits that are slow are made one at a time, and skip what is overtaken.
func TestCommitsOfAPartitionDoNotOverlap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log committed
		c := &Commits[string, int]{Commit: func(k string, p int) error {
			time.Sleep(time.Second)
			return log.commit(k, p)
		}}
		done := begun(t, c, "a", 1, 2, 3)
		go done[1](nil)
		synctest.Wait()
		done[2](nil) // at once: somebody else is at it
		done[3](nil)
		time.Sleep(3 * time.Second)
		synctest.Wait()
		require.Equal(t, []int{1, 3}, log.of["a"])
	})
}

func TestAForgottenPartitionIsNotCommitted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log committed
		c := &Commits[string, int]{Window: 1, Commit: log.commit}
		done := begun(t, c, "a", 1)
		time.AfterFunc(time.Second, func() { c.Forget("a") })
		again := begun(t, c, "a", 11) // waits for it
		done[1](nil)
		require.Empty(t, log.of)
		again[11](nil)
		require.Equal(t, []int{11}, log.of["a"])
	})
}

func TestCommitsSayWhatIsWrongWithThem(t *testing.T) {
	_, err := (&Commits[string, int]{Window: -1}).Begin(t.Context(), "a", 1)
	require.ErrorContains(t, err, "function is nil")
	require.ErrorContains(t, err, "window is negative")
}

// The window holds up the source; the watermark rises while lanes finish out of
// order, and all is committed by the end of the run.
func TestAckedWithCommits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log committed
		c := &Commits[string, int]{Window: 10, Commit: log.commit}
		next := 0
		src := Acked(func(ctx context.Context) ([]Delivery[int], error) {
			if next == 100 {
				return nil, io.EOF
			}
			done, err := c.Begin(ctx, "a", next)
			next++
			return []Delivery[int]{{next - 1, done}}, err
		})
		r := through(t, src, Map(func(_ context.Context, v int) (int, error) {
			time.Sleep(time.Duration(v%7) * time.Millisecond)
			return v, nil
		}, Workers(5), Unordered()))
		require.NoError(t, errors.Join(r.err, c.Err()))
		require.Len(t, r.out, 100)
		require.Equal(t, 99, log.of["a"][len(log.of["a"])-1])
		require.True(t, slices.IsSorted(log.of["a"]))
	})
}

package bulk_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/internal/typed"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/internal/bulk"
	"github.com/weir-go/weir/stages/source"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errFlaky = errors.New("flaky")

// calls is a stage that calls f with batches, and sends tenfold values on.
type calls struct {
	settings bulk.Settings
	f        func(context.Context, []int) (results int, err error)
}

func (s *calls) Run(_ context.Context, in *stages.Inlet[int], out *stages.Outlet[int]) error {
	k, o := kernel.Of(in), kernel.OutletOf(out)
	bulk.Run(k, s.settings, func() bulk.Batch { return &batch{Values: bulk.Values[int]{In: k}, f: s.f, out: o} })
	return nil
}

type batch struct {
	bulk.Values[int]
	f   func(context.Context, []int) (int, error)
	out *kernel.Outlet
	got []int
}

func (b *batch) Call(ctx context.Context, live []int) (int, error) {
	b.got = b.Copy(live)
	return b.f(ctx, b.got)
}

func (b *batch) Send(m *kernel.Meta, i int) { typed.Send(b.out, m, 10*b.got[i]) }

// note is a call that takes d, and notes the batches and when they came.
type note struct {
	d     time.Duration
	begin time.Time

	mu      sync.Mutex
	batches [][]int
	at      []time.Duration
	now     atomic.Int32
	most    int32
}

func (n *note) call(_ context.Context, vs []int) (int, error) {
	n.mu.Lock()
	n.batches, n.at = append(n.batches, vs), append(n.at, time.Since(n.begin))
	n.most = max(n.most, n.now.Add(1))
	n.mu.Unlock()
	time.Sleep(n.d)
	n.now.Add(-1)
	return len(vs), nil
}

// apart is a source of 0 to n-1, d apart.
func apart(n int, d time.Duration) stages.Source[int] {
	return source.Seq(func(yield func(int) bool) {
		for v := 0; v < n && yield(v); v++ {
			time.Sleep(d)
		}
	})
}

// through runs the stage behind a source, and returns what came out, and what failed.
func through(t *testing.T, src stages.Source[int], s bulk.Settings, f func(context.Context, []int) (int, error)) (out []int, failed map[int]error, err error) {
	t.Helper()
	failed = map[int]error{}
	var rep flow.Report
	out, err = flow.From(src).Via("bulk", stages.Stage[int, int](&calls{s, f})).
		OnError(func(_ context.Context, e *stages.ItemError) (int, error) {
			failed[e.Value.(int)] = e
			return 0, stages.ErrDrop
		}).Collect(t.Context(), flow.ReportTo(&rep))
	require.NoError(t, rep.Check())
	return out, failed, err
}

func workers(n int) stages.Settings { return stages.Apply(stages.Workers(n)) }

// A call is made for a full batch, when the first item has waited for the delay, and at the end.
func TestWhenACallIsMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &note{begin: time.Now()}
		out, _, err := through(t, apart(9, time.Second), bulk.Settings{Size: 4, Delay: 2500 * time.Millisecond, Options: workers(1)}, n.call)
		require.NoError(t, err)
		require.Equal(t, []int{0, 10, 20, 30, 40, 50, 60, 70, 80}, out)
		require.Equal(t, [][]int{{0, 1, 2}, {3, 4, 5}, {6, 7, 8}}, n.batches)
		require.Equal(t, []time.Duration{2500 * time.Millisecond, 5500 * time.Millisecond, 8500 * time.Millisecond}, n.at)

		n = &note{begin: time.Now()}
		_, _, err = through(t, apart(9, time.Second), bulk.Settings{Size: 4, Delay: 3500 * time.Millisecond, Options: workers(1)}, n.call)
		require.NoError(t, err)
		require.Equal(t, []time.Duration{3 * time.Second, 7 * time.Second, 9 * time.Second}, n.at, "full, full, and the end")
	})
}

// The fault: a batch that left because its lot was called in left its alarm behind, which cut the
// next batch short.
func TestABatchThatIsCalledInLeavesNoAlarmBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lot stages.Lot
		src := stages.SourceFunc[int](func(_ context.Context, out *stages.Outlet[int]) error {
			out.Deliver(stages.Receipt{Lot: &lot, Ack: func(error) {}}, 0)
			time.Sleep(4 * time.Second)
			lot.Flush()
			time.Sleep(time.Second)
			out.Emit(1)
			time.Sleep(time.Hour)
			return nil
		})
		n := &note{begin: time.Now()}
		_, _, err := through(t, src, bulk.Settings{Size: 100, Delay: 10 * time.Second, Options: workers(1)}, n.call)
		require.NoError(t, err)
		require.Equal(t, [][]int{{0}, {1}}, n.batches)
		require.Equal(t, []time.Duration{4 * time.Second, 15 * time.Second}, n.at)
	})
}

// A full batch leaves no alarm behind either.
func TestAFullBatchLeavesNoAlarmBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &note{begin: time.Now()}
		_, _, err := through(t, apart(4, 2*time.Second), bulk.Settings{Size: 2, Delay: 5 * time.Second, Options: workers(1)}, n.call)
		require.NoError(t, err)
		require.Equal(t, [][]int{{0, 1}, {2, 3}}, n.batches, "2 comes at 4s, and would have left at 5s")
	})
}

// Workers bound the calls at a time. The items keep their order, unless the stage is unordered.
func TestCallsAtATime(t *testing.T) {
	for name, tt := range map[string]struct {
		opts []stages.BulkOption
		want []int
	}{
		"ordered":   {nil, []int{0, 10, 20, 30}},
		"unordered": {[]stages.BulkOption{stages.Unordered()}, []int{10, 0, 20, 30}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := &note{begin: time.Now(), d: time.Second}
				slow := func(ctx context.Context, vs []int) (int, error) {
					if vs[0] == 0 {
						time.Sleep(500 * time.Millisecond)
					}
					return n.call(ctx, vs)
				}
				out, _, err := through(t, source.Slice([]int{0, 1, 2, 3}), bulk.Settings{Size: 1, Options: stages.Apply(append(tt.opts, stages.Workers(2))...)}, slow)
				require.NoError(t, err)
				require.Equal(t, int32(2), n.most)
				require.Equal(t, tt.want, out)
				require.Equal(t, 2500*time.Millisecond, time.Since(n.begin))
			})
		})
	}
}

// What the function returns is the fate of each item of its batch.
func TestWhatBecomesOfABatch(t *testing.T) {
	some := func(errs map[int]error) error { return &stages.BatchError{Errs: errs} }
	for name, tt := range map[string]struct {
		results int
		err     error
		out     []int
		failed  map[int]string // by value
	}{
		"done":            {3, nil, []int{0, 10, 20}, nil},
		"error":           {3, errFlaky, nil, map[int]string{0: "flaky", 1: "flaky", 2: "flaky"}},
		"dropped":         {3, stages.ErrDrop, nil, nil},
		"too few results": {2, nil, nil, map[int]string{0: "2 results for a batch of 3", 1: "2 results", 2: "2 results"}},
		"one failed":      {3, some(map[int]error{1: errFlaky}), []int{0, 20}, map[int]string{1: "flaky"}},
		"one dropped":     {3, some(map[int]error{1: stages.ErrDrop}), []int{0, 20}, nil},
		"too few, and one failed": {2, some(map[int]error{1: errFlaky}), nil,
			map[int]string{0: "2 results", 1: "2 results", 2: "2 results"}},
		"all failed, without results": {0, some(map[int]error{0: errFlaky, 1: errFlaky, 2: errFlaky}), nil,
			map[int]string{0: "flaky", 1: "flaky", 2: "flaky"}},
		"of no item": {3, some(map[int]error{3: errFlaky}), nil, map[int]string{0: "1 item", 1: "1 item", 2: "1 item"}},
		"of no one":  {3, some(nil), nil, map[int]string{0: "a batch failed", 1: "a batch failed", 2: "a batch failed"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := func(context.Context, []int) (int, error) { return tt.results, tt.err }
			out, failed, err := through(t, source.Slice([]int{0, 1, 2}), bulk.Settings{Size: 3, Options: workers(1)}, f)
			require.NoError(t, err)
			require.Equal(t, tt.out, out)
			require.Len(t, failed, len(tt.failed))
			for v, text := range tt.failed {
				require.ErrorContains(t, failed[v], text)
			}
		})
	}
}

// A function that ends its goroutine fails the items of its batch, and the stage ends.
func TestAGoexitEndsTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, failed, err := through(t, source.Slice([]int{0, 1, 2}), bulk.Settings{Size: 2, Options: workers(2)}, func(context.Context, []int) (int, error) {
			time.Sleep(time.Second)
			runtime.Goexit()
			return 0, nil
		})
		require.ErrorIs(t, err, stages.ErrGoexit)
		require.Empty(t, failed, "no policy gets an aborted item")
	})
}

// An item whose time is up is in no call, and a batch of such items makes none.
func TestNoCallForItemsThatAreLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &note{begin: time.Now()}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		src := stages.SourceFunc[int](func(_ context.Context, out *stages.Outlet[int]) error {
			for v := range 5 {
				r := stages.Receipt{Ack: func(error) {}}
				if v != 1 {
					r.Context = ctx
				}
				out.Deliver(r, v)
			}
			time.Sleep(2 * time.Second)
			out.Emit(5)
			for v := range 6 {
				out.Deliver(stages.Receipt{Context: ctx, Ack: func(error) {}}, 6+v)
			}
			return nil
		})
		out, failed, err := through(t, src, bulk.Settings{Size: 6, Options: workers(1)}, n.call)
		require.NoError(t, err)
		require.Equal(t, [][]int{{1, 5}}, n.batches)
		require.Equal(t, []int{10, 50}, out)
		require.Len(t, failed, 10)
		for _, err := range failed {
			require.ErrorIs(t, err, context.DeadlineExceeded)
		}
	})
}

func TestSettings(t *testing.T) {
	require.NoError(t, bulk.Settings{Size: 1, Options: workers(1)}.Validate())
	err := bulk.Settings{Size: 0, Delay: -1, Options: workers(0)}.Validate()
	require.ErrorContains(t, err, "batch size must be at least 1, not 0")
	require.ErrorContains(t, err, "batch delay is negative")
	require.ErrorContains(t, err, "workers")
	require.Equal(t, 1, bulk.Settings{Size: 7, Delay: time.Second}.Holds(), "the delay ends the wait")
	require.Equal(t, 7, bulk.Settings{Size: 7}.Holds())
}

package async_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/internal/async"
	"github.com/weir-go/weir/stages/source"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errFlaky = errors.New("flaky")

type send = func(ctx context.Context, it stages.Item[int], done func(error))

// into runs a source into a sink of Run, checks the books, and returns the account of the sink.
func into(t *testing.T, src stages.Source[int], inFlight int, f send) (stages.Ledger, error) {
	t.Helper()
	rep, err := flow.From(src).To(stages.SinkFunc[int](func(ctx context.Context, in *stages.Inlet[int]) error {
		async.Run(ctx, in, inFlight, f)
		return nil
	})).Run(t.Context())
	require.NoError(t, rep.Check())
	s, _ := rep.Stage("sink")
	return s.Ledger, err
}

// While so many items are not done, no further one is sent. Run waits for the last.
func TestItemsInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		var sent []time.Duration
		l, err := into(t, source.Slice([]int{3, 1, 1, 1, 2}), 2, func(_ context.Context, it stages.Item[int], done func(error)) {
			sent = append(sent, time.Since(begin))
			time.AfterFunc(time.Duration(it.Value)*time.Second, func() { done(nil) })
		})
		require.NoError(t, err)
		require.Equal(t, []time.Duration{0, 0, time.Second, 2 * time.Second, 3 * time.Second}, sent)
		require.Equal(t, 5*time.Second, time.Since(begin))
		require.Equal(t, stages.Ledger{In: 5, Out: 5}, l)
	})
}

// An item is done when done is called for the first time, also before send returns.
func TestDoneCountsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var wg sync.WaitGroup
		l, err := into(t, source.Slice([]int{0, 1, 2, 3}), 1, func(_ context.Context, _ stages.Item[int], done func(error)) {
			done(nil)
			done(errFlaky)
			wg.Go(func() { done(errFlaky) })
		})
		wg.Wait()
		require.NoError(t, err)
		require.Equal(t, stages.Ledger{In: 4, Out: 4}, l)
	})
}

// The error that done gets is the fate of the item.
func TestWhatBecomesOfAnItem(t *testing.T) {
	for name, tt := range map[string]struct {
		send func(done func(error))
		want stages.Ledger
		err  error
	}{
		"done":             {func(done func(error)) { done(nil) }, stages.Ledger{In: 1, Out: 1}, nil},
		"dropped":          {func(done func(error)) { done(stages.ErrDrop) }, stages.Ledger{In: 1, Filtered: 1}, nil},
		"failed":           {func(done func(error)) { done(errFlaky) }, stages.Ledger{In: 1, Failed: 1}, errFlaky},
		"panic":            {func(func(error)) { panic(errFlaky) }, stages.Ledger{In: 1, Failed: 1}, errFlaky},
		"panic after done": {func(done func(error)) { done(nil); panic(errFlaky) }, stages.Ledger{In: 1, Out: 1}, nil},
		"Goexit":           {func(func(error)) { runtime.Goexit() }, stages.Ledger{In: 1, Failed: 1}, stages.ErrGoexit},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, err := into(t, source.Slice([]int{1}), 2, func(_ context.Context, _ stages.Item[int], done func(error)) { tt.send(done) })
				require.ErrorIs(t, err, tt.err)
				require.Equal(t, tt.want, l)
			})
		})
	}
}

// The context of an item has the values and the end of its delivery. It ends when the item is done.
func TestTheContextOfAnItem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type key struct{}
		of, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "value"))
		src := stages.SourceFunc[int](func(_ context.Context, out *stages.Outlet[int]) error {
			for v := range 2 {
				out.Deliver(stages.Receipt{Context: of, Ack: func(error) {}}, v)
			}
			return nil
		})
		var ended [2]time.Duration
		begin := time.Now()
		var wg sync.WaitGroup
		time.AfterFunc(2*time.Second, cancel)
		_, err := into(t, src, 1, func(ctx context.Context, it stages.Item[int], done func(error)) {
			require.Equal(t, "value", ctx.Value(key{}))
			wg.Go(func() {
				<-ctx.Done()
				ended[it.Value] = time.Since(begin)
				done(stages.ErrDrop)
			})
			if it.Value == 0 {
				time.AfterFunc(time.Second, func() { done(nil) })
			}
		})
		wg.Wait()
		require.NoError(t, err)
		require.Equal(t, [2]time.Duration{time.Second, 2 * time.Second}, ended)
	})
}

// An item whose context ends with a cause that hands it back goes back, as that of any other sink. The
// fault: the run ended with the error of the broker's client, which is context.Canceled.
func TestAnItemWhoseContextEndsGoesBack(t *testing.T) {
	for name, send := range map[string]send{
		"during": func(ctx context.Context, _ stages.Item[int], done func(error)) { <-ctx.Done(); done(ctx.Err()) },
		"cause": func(ctx context.Context, _ stages.Item[int], done func(error)) {
			<-ctx.Done()
			done(context.Cause(ctx))
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				of, lose := context.WithCancelCause(t.Context())
				time.AfterFunc(time.Second, func() { lose(fmt.Errorf("%w: %w", errFlaky, stages.ErrHandedBack)) })
				var heard error
				src := stages.SourceFunc[int](func(_ context.Context, out *stages.Outlet[int]) error {
					out.Deliver(stages.Receipt{Context: of, Ack: func(err error) { heard = err }}, 1)
					return nil
				})
				l, err := into(t, src, 1, send)
				require.NoError(t, err)
				require.EqualValues(t, 1, l.HandedBack)
				require.ErrorIs(t, heard, stages.ErrHandedBack)
				require.ErrorIs(t, heard, errFlaky)
			})
		})
	}
}

func TestCheck(t *testing.T) {
	require.NoError(t, async.Check(1))
	require.EqualError(t, async.Check(0), "items in flight must be at least 1, not 0")
}

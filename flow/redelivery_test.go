package flow_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/ack"
	"github.com/weir-go/weir/stages/sink"
)

// positions is a source of the positions of a log, which runs until it is stopped.
type positions struct {
	n       int
	commits ack.Commits[string, int]

	mu        sync.Mutex
	committed int
}

func newPositions(n int) *positions {
	p := &positions{n: n, committed: -1}
	p.commits.Commit = func(_ context.Context, upTo map[string]int) error {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.committed = upTo["log"]
		return nil
	}
	return p
}

func (p *positions) Run(ctx context.Context, out *stages.Outlet[int]) error {
	for i := range p.n {
		if err := p.commits.Emit(ctx, out, "log", i, i); err != nil {
			return err
		}
	}
	<-ctx.Done()
	return nil
}

func (p *positions) Finish(ctx context.Context) error { return p.commits.Close(ctx) }

func (p *positions) upTo() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.committed
}

func TestALogDeliversAgainWhatIsHandedBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, f := newPositions(5), &third{}
		var deliveries []int
		began := time.Now()
		at := map[int]time.Duration{}
		run, err := flow.From(log).
			Map("call", func(ctx context.Context, v int) (int, error) {
				if v%2 == 0 {
					return v, nil
				}
				return f.call(ctx, v)
			}).
			OnError(func(_ context.Context, e *stages.ItemError) (int, error) {
				deliveries = append(deliveries, e.Deliveries)
				return 0, stages.HandBack(time.Second)
			}).
			To(sink.ForEach(func(_ context.Context, v int) error { at[v] = time.Since(began); return nil })).Start(t.Context())
		require.NoError(t, err)
		time.Sleep(1500 * time.Millisecond)
		require.Equal(t, 0, log.upTo(), "what waits is not committed, and nothing after it")
		time.Sleep(time.Hour)
		require.Equal(t, 4, log.upTo())
		run.Stop()
		report, err := run.Wait()
		require.NoError(t, err)
		require.NoError(t, report.Check())
		slices.Sort(deliveries)
		require.Equal(t, []int{1, 1, 2, 2}, deliveries)
		require.Equal(t, map[int]time.Duration{0: 0, 1: 2 * time.Second, 2: 0, 3: 2 * time.Second, 4: 0}, at)
	})
}

func TestALogDoesNotDeliverAgainInADrain(t *testing.T) {
	for name, after := range map[string]time.Duration{"it waits": time.Hour, "it is due": 0} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := newPositions(5)
				run, err := flow.From(log).
					Map("call", func(_ context.Context, v int) (int, error) {
						if v == 3 {
							time.Sleep(time.Millisecond)
							return 0, stages.HandBack(after)
						}
						return v, nil
					}).
					To(sink.ForEach(func(context.Context, int) error { return nil })).Start(t.Context())
				require.NoError(t, err)
				time.Sleep(time.Second)
				run.Stop()
				report, err := run.Wait()
				require.NoError(t, err, "to hand back is no failure")
				require.NoError(t, report.Check())
				require.Equal(t, 2, log.upTo(), "the next consumer gets it")
			})
		})
	}
}

// A partition that was given up to another consumer delivers nothing again.
func TestAForgottenLogDoesNotDeliverAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, calls := newPositions(5), 0
		run, err := flow.From(log).
			Map("call", func(_ context.Context, v int) (int, error) {
				if v == 3 {
					calls++
					return 0, stages.HandBack(time.Hour)
				}
				return v, nil
			}).
			To(sink.ForEach(func(context.Context, int) error { return nil })).Start(t.Context())
		require.NoError(t, err)
		time.Sleep(time.Second)
		log.commits.Forget("log")
		time.Sleep(24 * time.Hour)
		require.Equal(t, 1, calls)
		run.Stop()
		report, err := run.Wait()
		require.NoError(t, err)
		require.NoError(t, report.Check())
		require.Equal(t, 2, log.upTo())
	})
}

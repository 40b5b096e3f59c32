package operator_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/internal/typed"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/operator"
)

// beforeSlow runs s, at the node "map", before a stage that takes a second an
// item and has room for one more.
func beforeSlow(t *testing.T, src stages.Source[int], s stages.Stage[int, int], control ...func(*kernel.Run)) *rig[int, int] {
	t.Helper()
	return run(t, false, operator.Map(takes(time.Second)), control, func(r *kernel.Run, wg *sync.WaitGroup) *kernel.Edge {
		n := r.Nodes()
		above, below := r.Link(n[0], n[3], 16, typed.Of[int]()), r.Link(n[3], n[1], 1, typed.Of[int]())
		wg.Go(func() { serveSource(n[0], src, above) })
		wg.Go(func() { serveStage(n[3], s, above, below) })
		return below
	})
}

func TestOverflow(t *testing.T) {
	for name, tt := range map[string]struct {
		policy stages.OverflowPolicy
		want   []int
	}{
		// 0 is at work, 1 waits for room on the edge; two are kept.
		"drop newest": {stages.DropNewest, upTo(4)},
		"drop oldest": {stages.DropOldest, []int{0, 1, 18, 19}},
		"block":       {stages.Block, upTo(20)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := &acked{n: 20, gap: time.Millisecond}
				r := beforeSlow(t, a, operator.Overflow[int](2, tt.policy))
				require.Equal(t, tt.want, r.out)
				require.Equal(t, stages.Ledger{In: 20, Out: int64(len(tt.want)), Shed: int64(20 - len(tt.want))}, ledgerOf(r.nodes[3]))
				require.Empty(t, r.failed)
				require.NoError(t, r.err, "what is shed on purpose is no fault")
				heard := 0
				for _, err := range a.once(t) {
					if err != nil {
						require.ErrorIs(t, err, stages.ErrOverflow)
						require.EqualError(t, err, `stage "map": stages: buffer overflow`)
						heard++
					}
				}
				require.Equal(t, 20-len(tt.want), heard)
				require.Equal(t, time.Duration(len(tt.want))*time.Second+time.Millisecond, r.took)
			})
		})
	}
}

// With a policy that drops, the source is never held up, and it never waits for
// what a fast stage takes.
func TestOverflowOfAFastStageLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, every(time.Millisecond, 200), operator.Overflow[int](1, stages.DropOldest))
		require.Equal(t, upTo(200), r.out)
		require.Zero(t, r.times[199].Total())
	})
}

func TestOverflowDrainsAndAborts(t *testing.T) {
	for _, p := range []stages.OverflowPolicy{stages.Block, stages.DropNewest, stages.DropOldest} {
		synctest.Test(t, func(t *testing.T) {
			r := beforeSlow(t, every(100*ms, 1000), operator.Overflow[int](5, p), after(3050*ms, stop))
			l := ledgerOf(r.nodes[3])
			require.Equal(t, l.In, int64(len(r.out))+l.Shed)
			require.GreaterOrEqual(t, len(r.out), 8)
			require.NoError(t, r.err)
		})
		synctest.Test(t, func(t *testing.T) {
			a := &acked{n: 1000, gap: 100 * ms}
			r := beforeSlow(t, a, operator.Overflow[int](5, p), after(3050*ms, abort))
			require.NotEmpty(t, r.failed)
			require.Less(t, r.took, 5*time.Second)
		})
	}
}

func TestOverflowRefusesWhatIsWrong(t *testing.T) {
	require.EqualError(t, operator.Overflow[int](0, stages.Block).(stages.Validator).Validate(), "buffer must be at least 1, not 0")
	require.EqualError(t, operator.Overflow[int](1, 7).(stages.Validator).Validate(), "there is no overflow policy 7")
	require.ErrorContains(t, operator.Map(same, stages.Buffer(1, stages.DropNewest, stages.DropOldest)).(stages.Validator).Validate(), "a buffer has one overflow policy")
	require.ErrorContains(t, operator.Map(same, stages.Buffer(1, -1)).(stages.Validator).Validate(), "there is no overflow policy -1")
	require.NoError(t, operator.Map(same, stages.Buffer(1, stages.DropNewest)).(stages.Validator).Validate())
}

package stages

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/sourcegraph/conc"
	"github.com/stretchr/testify/require"
)

// beforeSlow runs s, at the node "map", before a stage that takes a second an
// item and has room for one more.
func beforeSlow(t *testing.T, src Source[int], s Stage[int, int], control ...func(*Runtime)) *rig[int, int] {
	t.Helper()
	return run(t, false, Map(takes(time.Second)), control, func(rt *Runtime, wg *conc.WaitGroup) *Inlet[int] {
		n := rt.Nodes()
		out, in := Link[int](rt, n[0], n[3], 16)
		next, mid := Link[int](rt, n[3], n[1], 1)
		wg.Go(func() { RunSource(src, out) })
		wg.Go(func() { RunStage(s, in, next) })
		return mid
	})
}

func TestOverflow(t *testing.T) {
	for name, tt := range map[string]struct {
		policy OverflowPolicy
		want   []int
	}{
		// 0 is at work, 1 waits for room on the edge; two are kept.
		"drop newest": {DropNewest, upTo(4)},
		"drop oldest": {DropOldest, []int{0, 1, 18, 19}},
		"block":       {Block, upTo(20)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := &acked{n: 20, gap: time.Millisecond}
				r := beforeSlow(t, a, Overflow[int](2, tt.policy))
				require.Equal(t, tt.want, r.out)
				require.Equal(t, Ledger{In: 20, Out: int64(len(tt.want)), Shed: int64(20 - len(tt.want))}, r.nodes[3].Ledger())
				require.Empty(t, r.failed)
				require.NoError(t, r.err, "what is shed on purpose is no fault")
				heard := 0
				for _, err := range a.once(t) {
					if err != nil {
						require.ErrorIs(t, err, ErrOverflow)
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
		r := through(t, every(time.Millisecond, 200), Overflow[int](1, DropOldest))
		require.Equal(t, upTo(200), r.out)
		require.Zero(t, r.times[199].Total())
	})
}

func TestOverflowDrainsAndAborts(t *testing.T) {
	for _, p := range []OverflowPolicy{Block, DropNewest, DropOldest} {
		synctest.Test(t, func(t *testing.T) {
			r := beforeSlow(t, every(100*ms, 1000), Overflow[int](5, p), after(3050*ms, stop))
			l := r.nodes[3].Ledger()
			require.Equal(t, l.In, int64(len(r.out))+l.Shed)
			require.GreaterOrEqual(t, len(r.out), 8)
			require.NoError(t, r.err)
		})
		synctest.Test(t, func(t *testing.T) {
			a := &acked{n: 1000, gap: 100 * ms}
			r := beforeSlow(t, a, Overflow[int](5, p), after(3050*ms, abort))
			require.NotEmpty(t, r.failed)
			require.Less(t, r.took, 5*time.Second)
		})
	}
}

func TestOverflowRefusesWhatIsWrong(t *testing.T) {
	require.EqualError(t, Overflow[int](0, Block).(Validator).Validate(), "buffer must be at least 1, not 0")
	require.EqualError(t, Overflow[int](1, 7).(Validator).Validate(), "there is no overflow policy 7")
	require.ErrorContains(t, Map(same, Buffer(1, DropNewest, DropOldest)).(Validator).Validate(), "a buffer has one overflow policy")
	require.ErrorContains(t, Map(same, Buffer(1, -1)).(Validator).Validate(), "there is no overflow policy -1")
	require.NoError(t, Map(same, Buffer(1, DropNewest)).(Validator).Validate())
}

package flow_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/sink"
	"github.com/weir-go/weir/stages/source"
	"github.com/weir-go/weir/stages/topic"
)

func ignore(context.Context, int) error { return nil }

// two is a graph of two sources, each of which is sent to two branches.
func two(n int) (g *flow.Graph, a, b []*flow.Stream[int]) {
	g = flow.New()
	return g, g.From(source.Slice(upTo(n))).Broadcast(2), g.From(source.Slice(upTo(n))).Broadcast(2)
}

func first(x, _ int) int { return x }

// Concat waits for the end of a, whose other branch waits at the Zip for b, whose
// other branch waits for Concat. It used to hang.
func TestAConcatThatWouldWaitForItselfIsRefused(t *testing.T) {
	g, a, b := two(5000)
	a[0].Zip(b[0], first).To(sink.ForEach(ignore))
	a[1].Concat(b[1]).To(sink.ForEach(ignore))
	require.ErrorContains(t, g.Validate(), `stage "concat": deadlock: it reads its inputs one after another, and one would wait for another through stage "broadcast-2"`)

	g, a, b = two(5000) // a Merge waits for neither
	a[0].Merge(b[0]).To(sink.ForEach(ignore))
	a[1].Concat(b[1]).To(sink.ForEach(ignore))
	synctest.Test(t, func(t *testing.T) {
		rep, err := g.Run(t.Context())
		require.NoError(t, err)
		require.Equal(t, int64(20000), rep.Ledger.Out)
	})
}

// One Zip waits for a, of which nothing comes, the other for b, which is full
// before the first. It used to hang.
func TestZipsThatDependOnEachOtherTakeWhatComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, a, b := two(5000)
		n := 0
		a[0].Zip(b[0], first).To(sink.ForEach(func(context.Context, int) error { n++; return nil }))
		none := a[1].Filter("none", func(context.Context, int) (bool, error) { return false, nil })
		none.Zip(b[1], first).To(sink.ForEach(ignore))
		rep, err := g.Run(t.Context())
		require.NoError(t, err)
		require.NoError(t, rep.Check())
		require.Equal(t, 5000, n)
	})
}

// Zips that do not depend on each other keep their bounds: the fast side waits.
func TestAZipOfOneStreamsBranchesAloneIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, a, b := two(far)
		a[0].Map("slow", nap).Zip(b[0], first).To(sink.ForEach(ignore))
		a[1].Merge(b[1]).To(sink.ForEach(ignore))
		rep, err := g.Run(t.Context())
		require.NoError(t, err)
		require.Equal(t, int64(3*far), rep.Ledger.Out)
	})
}

// These flows used to hang: validation, and the Zip, did not see that both inputs come from one
// stage, because one of them comes through a topic.
func TestATopicInMemoryHidesNoDeadlock(t *testing.T) {
	b := flow.From(source.Slice(upTo(5000))).Broadcast(2)
	err := b[0].Concat(b[1].Through("topic", topic.Local[int]())).To(sink.ForEach(ignore)).Validate()
	require.ErrorContains(t, err, `stage "concat": deadlock: it reads its inputs one after another, but two of them come from stage "source"`)

	g, x, y := two(5000)
	x[0].Zip(y[0].Through("topic", topic.Local[int]()), first).To(sink.ForEach(ignore))
	x[1].Concat(y[1]).To(sink.ForEach(ignore))
	require.ErrorContains(t, g.Validate(), `stage "concat": deadlock: it reads its inputs one after another, and one would wait for another through stage "broadcast-2"`)

	synctest.Test(t, func(t *testing.T) {
		b := flow.From(source.Slice(upTo(5000))).Broadcast(2)
		n := 0
		rep, err := b[0].Zip(b[1].Through("topic", topic.Local[int]()), first, stages.Buffer(8)).
			To(sink.ForEach(func(context.Context, int) error { n++; return nil })).Run(t.Context())
		require.NoError(t, err)
		require.NoError(t, rep.Check())
		require.Equal(t, 5000, n)
	})
}

// An item that failed before the branches parted has no partner. The Zip took the partner of the
// next item, and so did all pairs after it.
func TestAZipBehindATopicInMemoryKeepsItsPairs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := flow.From(source.Slice(upTo(100))).Map("odd", func(_ context.Context, v int) (int, error) {
			if v%10 == 3 {
				return 0, errFlaky
			}
			return v, nil
		}).Broadcast(2)
		pairs := 0
		for r := range b[0].Zip(b[1].Through("topic", topic.Local[int]()), func(x, y int) [2]int { return [2]int{x, y} }).Results(t.Context()) {
			if r.Err == nil {
				require.Equal(t, r.Value[0], r.Value[1])
				pairs++
			}
		}
		require.Equal(t, 90, pairs)
	})
}

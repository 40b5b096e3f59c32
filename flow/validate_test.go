package flow_test

import (
	"context"
	"math"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/dedup"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/operator"
	"github.com/weir-go/weir/stages/section"
	"github.com/weir-go/weir/stages/sink"
	"github.com/weir-go/weir/stages/source"
)

// An answer of one section would be no answer of the other.
func TestADedupSharedBySectionsOfDifferentResultsIsRefused(t *testing.T) {
	d, err := dedup.New[int, section.Answer](dedup.Window(time.Minute))
	require.NoError(t, err)
	itself := func(v int) int { return v }
	g := flow.New()
	text := func(_ context.Context, v int) (string, error) { return strconv.Itoa(v), nil }
	g.From(source.Slice([]int{1})).Dedup(d, itself).Map("numbers", same).To(sink.ForEach(ignore))
	g.From(source.Slice([]int{1})).Dedup(d, itself).Map("texts", text).To(sink.ForEach(func(context.Context, string) error { return nil }))
	require.ErrorContains(t, g.Validate(), `stage "texts": it shares a dedup with a section whose results are int, and its own are string`)
}

// A layer that is added and not chained used to be dropped in silence.
func TestASectionThatIsNotChainedIsReported(t *testing.T) {
	s := flow.From(source.Slice([]int{1}))
	s.Guard(guard.Limit(1)).Breaker(breaker.Consecutive("b", 1, time.Second))
	err := s.Map("call", same).To(sink.ForEach(ignore)).Validate()
	require.ErrorContains(t, err, `stage "source": the section after it (guard, breaker) has no call`)

	sec := flow.From(source.Slice([]int{1})).Guard(guard.Limit(1))
	sec.Breaker(breaker.Consecutive("b", 1, time.Second)) // its result is not used
	err = sec.Map("call", same).To(sink.ForEach(ignore)).Validate()
	require.ErrorContains(t, err, `the section after it (guard, breaker) has no call`)
}

// Each of these used to panic.
func TestNilInputsAreReported(t *testing.T) {
	one := func() *flow.Stream[int] { return flow.From(source.Slice([]int{1})) }
	none := (*flow.Stream[int])(nil)
	for name, g := range map[string]*flow.Graph{
		"merge":  one().Merge(nil).To(sink.ForEach(ignore)),
		"concat": one().Concat(nil).To(sink.ForEach(ignore)),
		"zip":    one().Zip(none, first).To(sink.ForEach(ignore)),
		"split":  flow.Split(none, "split", 1, operator.Broadcast[int]())[0].To(sink.ForEach(ignore)),
		"gather": flow.Gather("gather", operator.Merge[int](), []*flow.Stream[int]{nil}).To(sink.ForEach(ignore)),
		"left":   flow.Pair("left", operator.Zip(first), none, one()).To(sink.ForEach(ignore)),
		"right":  flow.Pair("right", operator.Zip(first), one(), none).To(sink.ForEach(ignore)),
		"both":   flow.Pair("both", operator.Zip(first), none, none).To(sink.ForEach(ignore)),
		"source": flow.From(stages.SourceFunc[int](nil)).To(sink.ForEach(ignore)),
		"stage":  one().Via("stage", stages.StageFunc[int, int](nil)).To(sink.ForEach(ignore)),
		"sink":   one().To(stages.SinkFunc[int](nil)),
	} {
		require.ErrorContains(t, g.Validate(), "nil", name)
	}
	_, err := one().To(sink.ForEach(ignore)).Run(t.Context(), nil)
	require.ErrorIs(t, err, flow.ErrGraph)
	require.ErrorContains(t, err, "a run option is nil")
}

// A run with it would never end.
func TestAGuardThatWasNeverMadeIsRefused(t *testing.T) {
	err := flow.From(source.Slice([]int{1})).Guard(new(guard.Guard)).Map("call", same).To(sink.ForEach(ignore)).Validate()
	require.ErrorIs(t, err, flow.ErrGraph)
	require.ErrorIs(t, err, guard.ErrPolicy)
}

func TestNilInputsAreCounted(t *testing.T) {
	one := func() *flow.Stream[int] { return flow.From(source.Slice([]int{1})) }
	merged := func(streams ...*flow.Stream[int]) error {
		return flow.Gather("m", operator.Merge[int](), streams).To(sink.ForEach(ignore)).Validate()
	}
	require.ErrorContains(t, merged(nil), `stage "m": its input is nil`)
	require.ErrorContains(t, merged(one(), nil), `stage "m": 1 of its 2 inputs is nil`)
	require.ErrorContains(t, merged(nil, one(), nil), `stage "m": 2 of its 3 inputs are nil`)
	require.ErrorContains(t, merged(), `stage "m": it has no inputs`)
}

// Its calls would never be answered.
func TestAServiceWhoseAnswersAreNotOfItsCallsIsRefused(t *testing.T) {
	_, err := flow.Serve(t.Context(), func(*flow.Stream[int]) *flow.Stream[int] { return flow.From(source.Slice([]int{1})) })
	require.ErrorIs(t, err, flow.ErrGraph)
	_, err = flow.Serve(t.Context(), func(*flow.Stream[int]) *flow.Stream[int] { return nil })
	require.ErrorIs(t, err, flow.ErrGraph)
	_, err = flow.Serve[int, int](t.Context(), nil) // it panicked
	require.ErrorContains(t, err, "the function that builds the service is nil")
}

// Edges grow with what is in them: a huge bound costs nothing.
func TestAHugeBufferCostsNothing(t *testing.T) {
	rep, err := flow.From(source.Slice(upTo(100))).Map("m", same, stages.Buffer(math.MaxInt/2)).To(sink.ForEach(ignore)).Run(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 100, rep.Ledger.Out)
}

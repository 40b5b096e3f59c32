package pgio_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages/pgio"
)

// PostgreSQL keeps texts in UTF-8, without zero bytes.
func TestADeadLetterWithAReasonThatIsNoText(t *testing.T) {
	pool := connect(t)
	q := pgio.NewQueue(pool, t.Name())
	put(t, q, pool, 1)
	run := start(t, q, func(s *flow.Stream[pgio.Row]) *flow.Graph {
		return s.Map("parse", func(_ context.Context, r pgio.Row) (pgio.Row, error) {
			return r, errors.New("odd: \x00\xff, and so on")
		}).DeadLetter(q.DeadLetter).To(each(collect(-1).take))
	})
	require.Eventually(t, func() bool { return left(t, pool, t.Name()) == 0 }, 10*time.Second, 10*time.Millisecond)
	stop(t, run)
	letters, err := q.Letters(t.Context(), 0, 10)
	require.NoError(t, err)
	require.Len(t, letters, 1)
	require.Contains(t, letters[0].Reason, "odd: ")
	require.Contains(t, letters[0].Reason, ", and so on")
}

package flow_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/weir-go/weir/flow"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errFlaky = errors.New("flaky")

func upTo(n int) (all []int) {
	for i := range n {
		all = append(all, i)
	}
	return all
}

func same(_ context.Context, v int) (int, error) { return v, nil }

// all runs s, checks the books, and returns what came out.
func all[T any](t *testing.T, s *flow.Stream[T]) []T {
	t.Helper()
	var rep flow.Report
	got, err := s.Collect(t.Context(), flow.ReportTo(&rep))
	require.NoError(t, err)
	require.NoError(t, rep.Check())
	return got
}

func itself(v int) int { return v }

func nap(_ context.Context, v int) (int, error) { time.Sleep(time.Millisecond); return v, nil }

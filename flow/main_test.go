package flow_test

import (
	"context"
	"errors"
	"testing"

	"go.uber.org/goleak"
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

package flow_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/dedup"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/retry"
	"github.com/weir-go/weir/stages"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSmoke(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var xs []string
		for i := range 1000 {
			xs = append(xs, strconv.Itoa(i%100))
		}
		tries := 0
		var rep flow.Report
		n := 0
		for r := range flow.From(stages.Slice(xs)).
			Map("upper", stages.Lift(func(s string) string { return s + "!" })).
			Guard(guard.Limit(64)).
			Dedup(dedup.Window(time.Minute), func(s string) string { return s }).
			Breaker(breaker.Consecutive("model", 5, 10*time.Second)).
			Retry(retry.Exponential(3, 50*time.Millisecond)).
			Map("answer", func(_ context.Context, s string) (int, error) {
				time.Sleep(time.Millisecond)
				if s == "7!" && tries < 2 {
					tries++
					return 0, errors.New("flaky")
				}
				return strconv.Atoi(s[:len(s)-1])
			}, flow.Workers(1)).
			Batch(10, time.Second).
			Results(context.Background(), flow.ReportTo(&rep)) {
			require.NoError(t, r.Err)
			for _, v := range r.Value {
				require.Equal(t, n%100, v)
				n++
			}
			if n == 10 {
				fmt.Println(r.Timings)
			}
		}
		require.Equal(t, 1000, n)
		require.NoError(t, rep.Check())
		fmt.Println(&rep)
		for _, s := range rep.Stages {
			fmt.Printf("%s %+v\n", s.Name, s.Layers)
		}
	})
}

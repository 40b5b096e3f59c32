package operator_test

import (
	"context"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/source"
)

// Whatever the source, the key function, the function and the stage below take, the results of each
// key are in order, and no item is lost.
func FuzzLanesKeepTheOrderOfEachKey(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(seed, uint8(seed), uint8(seed*5), uint8(3*seed))
	}
	f.Add(uint64(7), uint8('k'), uint8('O'), uint8('l')) // the fault: items of a later request went down first
	f.Fuzz(func(t *testing.T, seed uint64, keys, workers, buffer uint8) {
		synctest.Test(t, func(t *testing.T) {
			dice := func(n int) func() { // one for each goroutine
				r := rand.New(rand.NewPCG(seed, uint64(n)))
				return func() {
					if r.IntN(8) == 0 {
						time.Sleep(time.Duration(r.IntN(40)) * time.Microsecond)
					}
				}
			}
			all := numberedUpTo(1+int(keys)%9, 100)
			napKey, napSource, napSink := dice(0), dice(1), dice(2)
			src := source.Seq(func(yield func(numbered) bool) {
				for _, v := range all {
					if napSource(); !yield(v) {
						return
					}
				}
			})
			key := func(v numbered) int { napKey(); return v.key }
			call := func(_ context.Context, v numbered) (numbered, error) {
				time.Sleep(time.Duration((uint64(v.n)*31+uint64(v.key)*17+seed)%7/5*20) * time.Microsecond)
				return v, nil
			}
			var out []numbered
			_, err := flow.From(src).Lanes("lanes", key, call, stages.Workers(1+int(workers)%20)).
				Map("below", func(_ context.Context, v numbered) (numbered, error) { napSink(); return v, nil }, stages.Buffer(1+int(buffer)%20)).
				ForEach(t.Context(), func(_ context.Context, v numbered) error { out = append(out, v); return nil })
			require.NoError(t, err)
			require.Len(t, out, len(all))
			inOrder(t, out)
		})
	})
}

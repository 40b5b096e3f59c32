package buckets_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/weir-go/weir/internal/buckets"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bucket is the definition: the bucket with number i has the durations above 2^((i-1)/8) s, up to
// 2^(i/8) s.
func bucket(ns int64) int {
	if ns <= 0 {
		return 0
	}
	for i := 1; i < buckets.Len-1; i++ {
		if ns <= int64(math.Exp2(float64(buckets.First+i-1)/8)*1e9) {
			return i
		}
	}
	return buckets.Len - 1
}

func TestIndexIsTheBucketOfTheLayout(t *testing.T) {
	buckets.New()
	check := func(ns int64) { require.Equal(t, bucket(ns), buckets.Index(ns), ns) }
	for ns := int64(-2); ns < 20_000; ns++ {
		check(ns)
	}
	for i := range buckets.Len - 1 { // each bound, and what is beside it
		for d := int64(-2); d <= 2; d++ {
			check(buckets.Upper(i) + d)
		}
	}
	for range 20_000 {
		check(rand.Int64() >> rand.IntN(63))
	}
	check(math.MaxInt64)
	require.Equal(t, int64(time.Second), buckets.Upper(buckets.Index(int64(time.Second))), "a power of two of a second is a bound")
}

func FuzzIndex(f *testing.F) {
	f.Add(int64(1))
	f.Add(int64(time.Second))
	f.Fuzz(func(t *testing.T, ns int64) {
		buckets.New()
		require.Equal(t, bucket(ns), buckets.Index(ns))
	})
}

// A quantile is within 4.5 % of that of the durations themselves.
func TestQuantilesAreClose(t *testing.T) {
	h := buckets.New()
	all := make([]int64, 10_000)
	for i := range all {
		all[i] = 1 + int64(rand.ExpFloat64()*float64(3*time.Millisecond)) // the bucket of 0 is no quantile here
		h.Add(buckets.Index(all[i]), 1)
	}
	slices.Sort(all)
	counts := h.Read()
	for _, q := range []float64{0.1, 0.5, 0.9, 0.99, 0.999, 1} {
		want := float64(all[int(math.Ceil(q*float64(len(all))))-1])
		require.InEpsilon(t, want, float64(buckets.Quantile(counts, q)), 0.045, q)
	}
	require.Positive(t, buckets.Quantile(counts, 0))
	require.Zero(t, buckets.Quantile(make([]uint64, buckets.Len), 0.5))
}

func TestZeroHasABucketOfItsOwn(t *testing.T) {
	h := buckets.New()
	h.Add(buckets.Index(0), 3)
	h.Add(buckets.Index(int64(time.Second)), 1)
	require.Zero(t, buckets.Quantile(h.Read(), 0.75))
	require.InEpsilon(t, float64(time.Second), float64(buckets.Quantile(h.Read(), 0.76)), 0.045)
}

func BenchmarkAdd(b *testing.B) {
	h := buckets.New()
	ns := int64(1)
	for b.Loop() {
		h.Add(buckets.Index(ns), 1)
		ns = ns*5/4%(1<<40) + 1
	}
}

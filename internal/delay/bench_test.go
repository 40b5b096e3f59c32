package delay_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/weir-go/weir/internal/delay"
)

// BenchmarkQueue takes the earliest value out of a queue and puts in another that
// is due within a minute.
func BenchmarkQueue(b *testing.B) {
	for _, waiting := range []int{1000, 100_000, 1_000_000} {
		b.Run(fmt.Sprintf("waiting=%d", waiting), func(b *testing.B) {
			q, random := filled(waiting)
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				at, _ := q.Next()
				v, _ := q.PopDue(at)
				q.Push(at+random(), v)
			}
		})
	}
}

// filled is a queue of n values due within a minute, and where their times are
// from.
func filled(n int) (*delay.Queue[uint32], func() int64) {
	r := rand.New(rand.NewPCG(1, 2))
	random := func() int64 { return r.Int64N(int64(time.Minute)) }
	q := &delay.Queue[uint32]{}
	for i := range n {
		q.Push(random(), uint32(i))
	}
	return q, random
}

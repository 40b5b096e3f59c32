package bench

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/weir-go/weir/internal/delay"
)

const pending = 1_000_000

// What does it cost to add one to a million items that wait for their next try, and
// to take one out? All are due within a minute. impl=weir takes out the item that is
// due next, as the retry layer does. impl=AfterFunc gives each item a timer and stops
// one, which is less work than to let it fire.
func BenchmarkPendingRetries(b *testing.B) {
	b.Run("impl=weir", func(b *testing.B) {
		var q delay.Queue[uint32]
		waits := newWaitsOf(0)
		for i := range pending {
			q.Push(waits(), uint32(i))
		}
		turn := func() {
			now, _ := q.Next()
			item, ok := q.PopDue(now)
			if !ok {
				b.Fatal("nothing is due")
			}
			q.Push(now+waits(), item)
		}
		for range pending { // each is put back once
			turn()
		}
		b.ReportAllocs()
		defer metered(b)()
		for b.Loop() {
			turn()
		}
	})
	b.Run("impl=AfterFunc", func(b *testing.B) {
		waits := newWaitsOf(time.Hour) // none fires meanwhile
		timers := make([]*time.Timer, pending)
		add := func(i int) { timers[i] = time.AfterFunc(time.Duration(waits()), func() {}) }
		for i := range timers {
			add(i)
		}
		defer func() {
			for _, t := range timers {
				t.Stop()
			}
		}()
		i := 0
		b.ReportAllocs()
		defer metered(b)()
		for b.Loop() {
			timers[i].Stop()
			add(i)
			i = (i + 1) % pending
		}
	})
}

// newWaitsOf returns a source of waits of at least d, and a minute more at most.
func newWaitsOf(d time.Duration) func() int64 {
	r := rand.New(rand.NewPCG(1, 2))
	return func() int64 { return int64(d) + r.Int64N(int64(time.Minute)) }
}

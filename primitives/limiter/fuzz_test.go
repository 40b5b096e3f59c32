package limiter_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/limiter"
)

// FuzzTry runs a script against a limiter and a model that counts in whole
// milliseconds: the bucket is emptied and filled a unit at a time, so that there is
// no formula to be wrong.
func FuzzTry(f *testing.F) {
	f.Add(uint8(7), uint8(3), []byte{0, 0, 0, 0, 41, 0, 0})
	f.Add(uint8(0), uint8(0), []byte{0, 1, 0, 2, 0, 3, 0})
	f.Add(uint8(50), uint8(9), []byte{8, 12, 62, 3, 16, 2, 90, 0, 0, 255, 4, 8, 12})
	f.Fuzz(func(t *testing.T, interval, burst uint8, script []byte) {
		if len(script) > 200 {
			return
		}
		synctest.Test(t, func(t *testing.T) {
			price, size := int(interval%32)+1, int(burst%16)+1
			l := newLimiter(t, limiter.Every(time.Duration(price)*ms, limiter.Burst(size)))
			m := model{price: price, size: size}
			for _, b := range script {
				n := int(b >> 2)
				switch b & 3 {
				case 0: // try
					cost := n%size + 1
					err := l.Try(cost)
					require.Equal(t, m.try(cost), err == nil)
					if err == nil {
						continue
					}
					after := 0 // as the model sees it
					for ahead := m; !ahead.try(cost); after++ {
						ahead.tick()
					}
					require.Equal(t, time.Duration(after)*ms, refused(t, l, cost))
				case 1, 2: // time passes
					time.Sleep(time.Duration(n) * ms)
					for range n {
						m.tick()
					}
				case 3:
					l.Penalize(time.Duration(n) * ms)
					m.pause = max(m.pause, n)
					m.debt = max(m.debt, (size-1)*price)
				}
				s := l.Snapshot()
				require.Equal(t, time.Duration(m.pause)*ms, s.Paused)
				if m.pause == 0 {
					require.Equal(t, (size*price-m.debt)/price, s.Available)
				}
			}
		})
	})
}

// model is a bucket in milliseconds.
type model struct{ price, size, debt, pause int }

func (m *model) try(cost int) bool {
	if m.pause > 0 || m.debt+cost*m.price > m.size*m.price {
		return false
	}
	m.debt += cost * m.price
	return true
}

func (m *model) tick() {
	if m.pause > 0 {
		m.pause--
	} else if m.debt > 0 {
		m.debt--
	}
}

// admission is what a caller got, and when.
type admission struct {
	order, cost int
	at          time.Duration
}

// FuzzWait brings callers that wait and give up, and penalties, in any order. First
// come, first served. No time sees more units than burst and rate allow. No call is
// admitted during a pause, and none waits for ever.
func FuzzWait(f *testing.F) {
	f.Add(uint8(3), []byte{0, 0, 0, 9, 5, 1, 17, 2, 9, 13, 40, 0, 0, 0})
	f.Add(uint8(0), []byte{4, 4, 4, 3, 2, 4, 4, 67, 2, 2, 4})
	f.Add(uint8(9), []byte{20, 40, 60, 6, 10, 35, 3, 20, 40, 60})
	f.Fuzz(func(t *testing.T, burst uint8, script []byte) {
		if len(script) > 100 {
			return
		}
		synctest.Test(t, func(t *testing.T) { waits(t, int(burst%20)+1, script) })
	})
}

func waits(t *testing.T, size int, script []byte) {
	begun := time.Now()
	l := newLimiter(t, limiter.Every(ms, limiter.Burst(size)))
	got := make(chan admission, len(script))
	var cancels []context.CancelFunc
	var pauses [][2]time.Duration
	done := make(chan bool)
	asked, units, paused := 0, 0, time.Duration(0)
	for _, b := range script {
		n := int(b >> 2)
		switch b & 3 {
		case 0: // one more waits
			ctx, cancel := context.WithCancel(t.Context())
			cancels = append(cancels, cancel)
			order, cost := asked, n%size+1
			asked, units = asked+1, units+cost
			go func() {
				if l.Wait(ctx, cost) == nil {
					got <- admission{order, cost, time.Since(begun)}
				}
				done <- true
			}()
			synctest.Wait()
		case 1: // one gives up
			if len(cancels) > 0 {
				cancels[n%len(cancels)]()
				synctest.Wait()
			}
		case 2:
			time.Sleep(time.Duration(n) * 100 * time.Microsecond)
		case 3:
			d := time.Duration(n) * 100 * time.Microsecond
			l.Penalize(d)
			paused += d
			pauses = append(pauses, [2]time.Duration{time.Since(begun), time.Since(begun) + d})
		}
	}
	asking := time.Since(begun)
	for range asked {
		<-done
	}
	for _, cancel := range cancels {
		cancel()
	}
	require.Zero(t, l.Snapshot().Waiting)
	require.LessOrEqual(t, time.Since(begun), asking+paused+time.Duration(units+len(pauses)*size)*ms)
	close(got)
	var all []admission
	for a := range got {
		for i, sum := len(all)-1, a.cost; i >= 0; i-- {
			sum += all[i].cost
			require.LessOrEqual(t, time.Duration(sum-size)*ms, a.at-all[i].at, "more than burst and rate allow")
		}
		for _, p := range pauses {
			require.False(t, p[0] < a.at && a.at < p[1], "in a pause")
		}
		if len(all) > 0 {
			require.Less(t, all[len(all)-1].order, a.order)
		}
		all = append(all, a)
	}
}

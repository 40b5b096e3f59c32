package account

import (
	"sync/atomic"
	"time"

	"github.com/weir-go/weir/internal/buckets"
	"github.com/weir-go/weir/internal/lineage"
)

// spread has the distributions of the times of a node.
type spread struct {
	wait, work, age *buckets.Histogram // age is filled only at a sink
	aged            atomic.Int64       // the sum of the ages
}

func newSpread() *spread {
	return &spread{wait: buckets.New(), work: buckets.New(), age: buckets.New()}
}

// streak counts durations in a row that fall into one bucket. Neighbours mostly do, and then one
// atomic addition counts them all.
type streak struct {
	index int32
	n     uint32
}

func (s *streak) add(h *buckets.Histogram, ns int64, n uint32) {
	i := int32(buckets.Index(ns))
	if s.n > 0 && s.index != i {
		s.flush(h)
	}
	s.index = i
	s.n += n
}

// nearby is the largest difference of the times of neighbours that are counted with their mean. It
// is the error of the times of items that share clock readings.
const nearby = 16 * time.Microsecond

// group collects the times of neighbours.
type group struct {
	sum, least, most int64
	n                int64
}

func (g *group) add(ns int64) {
	if g.n == 0 {
		g.least, g.most = ns, ns
	}
	g.n++
	g.sum += ns
	g.least, g.most = min(g.least, ns), max(g.most, ns)
}

// counted adds the group to s with its mean if its times are close. It reports whether it did.
func (g *group) counted(s *streak, h *buckets.Histogram) bool {
	if g.n == 0 || g.most-g.least >= int64(nearby) {
		return g.n == 0
	}
	s.add(h, g.sum/g.n, uint32(g.n))
	return true
}

func (s *streak) flush(h *buckets.Histogram) {
	if s.n > 0 {
		h.Add(int(s.index), uint64(s.n))
		s.n = 0
	}
}

// streaks has the streaks of a tally.
type streaks struct {
	wait, work, age streak
	aged            int64
}

// Waited books the wait of one item.
func (t *Tally) Waited(b *Books, ns int64) {
	ns = max(ns, 0)
	t.wait += ns
	if b.spread != nil {
		t.streaks.wait.add(b.spread.wait, ns, 1)
	}
}

// Worked books the work of k items that took total nanoseconds together.
func (t *Tally) Worked(b *Books, k, total int64) {
	t.work += total
	if b.spread != nil && k > 0 {
		t.streaks.work.add(b.spread.work, total/k, uint32(k))
	}
}

// Waits books the waits of neighbours. Item i left the stage before at left[i]. The work on the
// items began at begin, and took each nanoseconds an item. Waits sets left to the times at which
// the items were done.
func (t *Tally) Waits(b *Books, left []int64, begin, each int64) {
	if b.spread == nil {
		for i, l := range left {
			t.wait += max(begin-l, 0)
			begin += each
			left[i] = begin
		}
		return
	}
	var g group
	at := begin
	for _, l := range left {
		g.add(max(at-l, 0))
		at += each
	}
	t.wait += g.sum
	apart := !g.counted(&t.streaks.wait, b.spread.wait)
	for i, l := range left {
		if apart {
			t.streaks.wait.add(b.spread.wait, max(begin-l, 0), 1)
		}
		begin += each
		left[i] = begin
	}
}

// Aged books that a sink has accepted an item at the time at, which entered the flow at born.
func (t *Tally) Aged(b *Books, born, at int64) {
	age := max(at-born, 0)
	t.streaks.aged += age
	t.streaks.age.add(b.spread.age, age, 1)
}

// flush adds the streaks to the distributions of the node.
func (t *Tally) flush(s *spread) {
	t.streaks.wait.flush(s.wait)
	t.streaks.work.flush(s.work)
	t.streaks.age.flush(s.age)
	add(&s.aged, t.streaks.aged)
	t.streaks.aged = 0
}

// Ages books items that a sink has accepted. Item i was done at left[i].
func (t *Tally) Ages(b *Books, trails []*lineage.Trail, left []int64) {
	if b.spread == nil {
		return
	}
	var g group
	for i, trail := range trails {
		if trail != nil {
			g.add(max(left[i]-trail.Born(), 0))
		}
	}
	t.streaks.aged += g.sum
	if g.counted(&t.streaks.age, b.spread.age) {
		return
	}
	for i, trail := range trails {
		if trail != nil {
			t.streaks.age.add(b.spread.age, max(left[i]-trail.Born(), 0), 1)
		}
	}
}

// Distribute makes the books keep distributions. It must be called before they are used.
func (b *Books) Distribute() { b.spread = newSpread() }

// Distributed reports whether the books keep distributions.
func (b *Books) Distributed() bool { return b.spread != nil }

// Accepted books that a sink has accepted an item at the time at, which entered the flow at born.
func (b *Books) Accepted(born, at int64) {
	if b.spread == nil {
		return
	}
	var t Tally
	t.Aged(b, born, at)
	t.flush(b.spread)
}

// Spreads returns the counts of waits, works and ages by the index of their bucket, and the sum of
// the ages.
func (b *Books) Spreads() (wait, work, age []uint64, aged time.Duration) {
	if s := b.spread; s != nil {
		wait, work, age, aged = s.wait.Read(), s.work.Read(), s.age.Read(), time.Duration(s.aged.Load())
	}
	return wait, work, age, aged
}

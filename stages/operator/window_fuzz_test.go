package operator_test

import (
	"cmp"
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/operator"
	"github.com/weir-go/weir/stages/source"
)

// stamped is an item of the fuzz test: seconds since the epoch, and its place in
// the stream.
type stamped struct{ key, at, place int }

// naive is a Window that ignores its cost. For each item it sorts all items that have not left into
// windows, and sends the windows that are due.
type naive struct {
	size, every, lateness, capacity int // every is 0 for sessions

	mark  int
	items []member // have not left
	late  []int
	out   []naiveWindow
}

// member is an item in one window; the item alone where windows are sessions.
type member struct {
	stamped
	start int
}

type naiveWindow struct {
	start, end int
	partial    bool
	members    []member
}

// windows sorts what has not left into windows, in the order of leaving.
func (n *naive) windows() (all []naiveWindow) {
	group := map[[2]int][]member{}
	for _, m := range n.items {
		at := [2]int{m.key, m.start}
		if n.every == 0 {
			at[1] = 0
		}
		group[at] = append(group[at], m)
	}
	for at, ms := range group {
		if n.every > 0 {
			all = append(all, naiveWindow{start: at[1], end: at[1] + n.size, members: ms})
			continue
		}
		slices.SortStableFunc(ms, func(a, b member) int { return cmp.Compare(a.at, b.at) })
		from := 0
		for i := range ms {
			if i+1 == len(ms) || ms[i+1].at-ms[i].at >= n.size {
				all = append(all, naiveWindow{start: ms[from].at, end: ms[i].at + n.size, members: ms[from : i+1]})
				from = i + 1
			}
		}
	}
	first := func(w naiveWindow) int {
		return slices.MinFunc(w.members, func(a, b member) int { return cmp.Compare(a.place, b.place) }).place
	}
	slices.SortFunc(all, func(a, b naiveWindow) int {
		return cmp.Or(cmp.Compare(a.end, b.end), cmp.Compare(a.start, b.start), cmp.Compare(first(a), first(b)))
	})
	return all
}

// leave sends a window on.
func (n *naive) leave(w naiveWindow, partial bool) {
	w.partial = partial
	n.out = append(n.out, w)
	n.items = slices.DeleteFunc(n.items, func(m member) bool { return slices.Contains(w.members, m) })
}

func (n *naive) put(s stamped) {
	n.mark = max(n.mark, s.at-n.lateness)
	for _, w := range n.windows() {
		if w.end <= n.mark {
			n.leave(w, false)
		}
	}
	before := len(n.items)
	if n.every == 0 {
		n.items = append(n.items, member{s, 0})
		for _, w := range n.windows() {
			if w.end <= n.mark { // nothing that was there before is: the item is alone
				n.items = n.items[:before]
			}
		}
	} else {
		for start := s.at - n.size; start <= s.at; start++ {
			// Windows are aligned to the first day of the first year, a Monday.
			aligned := (epoch.Unix()+62135596800+int64(start))%int64(n.every) == 0
			if aligned && s.at < start+n.size && start+n.size > n.mark {
				n.items = append(n.items, member{s, start})
			}
		}
	}
	if len(n.items) == before {
		n.late = append(n.late, s.place)
	}
	for len(n.items) > n.capacity {
		n.leave(n.windows()[0], true)
	}
}

// FuzzWindow compares windows with those of a model that is simple, and slow.
func FuzzWindow(f *testing.F) {
	f.Add(uint8(5), uint8(5), uint8(0), uint8(200), []byte{1, 9, 17, 2, 80})
	f.Add(uint8(6), uint8(2), uint8(3), uint8(200), []byte{1, 9, 17, 2, 80, 7, 81, 64, 200, 16})
	f.Add(uint8(4), uint8(0), uint8(20), uint8(200), []byte{1, 33, 17, 25, 2, 18, 80, 8, 7, 81, 64, 200, 16})
	f.Add(uint8(4), uint8(0), uint8(9), uint8(3), []byte{1, 33, 17, 25, 2, 18, 80, 8, 7, 81, 64, 200, 16})
	f.Fuzz(func(t *testing.T, size, every, lateness, capacity uint8, times []byte) {
		synctest.Test(t, func(t *testing.T) {
			model := naive{
				size: 1 + int(size)%12, lateness: int(lateness) % 32, capacity: 1 + int(capacity)%64, mark: -1 << 30,
			}
			policy := operator.Session(time.Duration(model.size) * time.Second)
			if every > 0 {
				model.every = min(int(every), model.size)
				policy = operator.Sliding(time.Duration(model.size)*time.Second, time.Duration(model.every)*time.Second)
			}
			var in []stamped
			for i, b := range times[:min(len(times), 100)] {
				in = append(in, stamped{key: int(b) % 2, at: i/8 + int(b)/4, place: i})
			}
			var late []int
			r := through(t, source.Slice(in), operator.Window[stamped](policy,
				stages.EventTime(func(s stamped) time.Time { return seconds(s.at) }, time.Duration(model.lateness)*time.Second),
				stages.PerKey(func(s stamped) int { return s.key }), stages.Capacity(model.capacity),
				stages.Late(func(_ context.Context, s stamped) error { late = append(late, s.place); return nil })))

			want := stages.Ledger{In: int64(len(in))}
			for _, s := range in {
				model.put(s)
			}
			for _, w := range model.windows() {
				model.leave(w, true)
			}
			require.Equal(t, model.late, late)
			var windows []operator.WindowOf[stamped]
			for _, w := range model.out {
				slices.SortStableFunc(w.members, func(a, b member) int { return cmp.Compare(a.at, b.at) })
				var items []stamped
				for _, m := range w.members {
					items = append(items, m.stamped)
				}
				windows = append(windows, operator.WindowOf[stamped]{Start: seconds(w.start), End: seconds(w.end), Items: items, Partial: w.partial})
				want.Out++
				want.Folded += int64(len(items) - 1)
				want.Derived += int64(len(items))
			}
			want.Filtered = int64(len(late))
			want.Derived -= want.In - want.Filtered
			require.Equal(t, windows, r.out)
			require.Equal(t, want, r.ledger())
		})
	})
}

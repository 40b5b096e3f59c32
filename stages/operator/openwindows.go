package operator

import (
	"slices"
	"sort"
	"time"

	"github.com/weir-go/weir/internal/handoff"
	"github.com/weir-go/weir/internal/kernel"
)

// keyed has the open windows of a key, in the order of their times.
type keyed struct {
	windows []*window
	resting bool // the key is in rest
}

// window is an open window.
type window struct {
	key        int32
	start, end int64
	number     uint64
	index      int         // in dues
	lead       kernel.Meta // owes what all items owe
	n          int         // items, including those of the stretch
	led        bool        // lead is set
	items      bag
	times      []int64 // of the items, in a Window of event time
}

// byTime sorts a window's items.
type byTime struct{ win *window }

func (b byTime) Len() int           { return len(b.win.times) }
func (b byTime) Less(i, j int) bool { return b.win.times[i] < b.win.times[j] }
func (b byTime) Swap(i, j int) {
	b.win.items.swap(i, j)
	b.win.times[i], b.win.times[j] = b.win.times[j], b.win.times[i]
}

// spareWindows is the largest number of windows that are kept for reuse.
const spareWindows = 1 << 10

// find returns the windows of an item, and opens the missing ones. It returns none if all of
// them have left. The slice is valid until the next call.
func (w *windows) find(p spot) []*window {
	w.found = w.found[:0]
	if w.policy.every == 0 {
		w.findSession(p)
	} else {
		w.findAligned(p)
	}
	w.resting(p.key)
	return w.found
}

func (w *windows) findAligned(p spot) {
	size, every := int64(w.policy.size), int64(w.policy.every)
	if p.at < w.start || p.at >= w.start+every {
		w.start = time.Unix(0, p.at).Truncate(w.policy.every).UnixNano()
	}
	k := w.of(p.key)
	i := len(k.windows)
	for start := w.start; start+size > max(p.at, w.mark); start -= every {
		for i > 0 && k.windows[i-1].start > start {
			i--
		}
		if i > 0 && k.windows[i-1].start == start {
			i--
		} else {
			k.windows = slices.Insert(k.windows, i, w.begin(p.key, start, start+size))
		}
		w.found = append(w.found, k.windows[i])
	}
}

// findSession finds the session of the item. It opens a session, extends one, or merges several.
func (w *windows) findSession(p spot) {
	k := w.of(p.key)
	all := k.windows
	end := p.at + int64(w.policy.size)
	from := sort.Search(len(all), func(i int) bool { return all[i].end > p.at })
	to := from
	for to < len(all) && all[to].start < end {
		to++
	}
	if from == to {
		if end > w.mark {
			win := w.begin(p.key, p.at, end)
			k.windows = slices.Insert(all, from, win)
			w.found = append(w.found, win)
		}
		return
	}
	win := all[from]
	for _, next := range all[from+1 : to] {
		w.absorb(win, next)
	}
	k.windows = slices.Delete(all, from+1, to)
	if p.at < win.start || end > win.end {
		win.start, win.end = min(win.start, p.at), max(win.end, end)
		w.due.fix(win)
	}
	w.found = append(w.found, win)
}

// absorb merges next, which is later, into win.
func (w *windows) absorb(win, next *window) {
	w.settle()
	w.due.remove(next)
	if next.number < win.number { // the item that opened the older one opens both
		win.number, win.lead, next.lead = next.number, next.lead, win.lead
	}
	w.in.Fold(next.lead, &win.lead)
	win.items.merge(next.items)
	win.times = append(win.times, next.times...)
	win.n += next.n
	win.end = next.end
	w.due.fix(win)
}

// begin opens an empty window.
func (w *windows) begin(key int32, start, end int64) *window {
	w.opened++
	var win *window
	if n := len(w.spare); n > 0 {
		win, w.spare = w.spare[n-1], w.spare[:n-1]
	} else {
		win = &window{items: w.hold()}
	}
	win.key, win.start, win.end, win.number = key, start, end, w.opened
	w.due.push(win)
	return win
}

// tidy forgets the keys without windows.
func (w *windows) tidy() {
	for _, key := range w.rest {
		k := &w.open[key]
		if k.resting = false; len(k.windows) == 0 && w.keys != nil {
			w.keys.Forget(key)
		}
	}
	w.rest = w.rest[:0]
}

// of returns the windows of a key.
func (w *windows) of(key int32) *keyed {
	for int(key) >= len(w.open) {
		w.open = append(w.open, keyed{})
	}
	return &w.open[key]
}

// resting records that a key may have no windows.
func (w *windows) resting(key int32) {
	if k := w.of(key); len(k.windows) == 0 && !k.resting {
		k.resting = true
		w.rest = append(w.rest, key)
	}
}

// keep stores a window that has left, for reuse. Only a few stored windows keep much memory.
func (w *windows) keep(win *window) {
	if len(w.spare) == spareWindows {
		return
	}
	times := win.times[:0]
	if cap(times) > handoff.BatchSize && len(w.spare) > 16 {
		times = nil
	}
	*win = window{items: win.items, times: times}
	w.spare = append(w.spare, win)
}

// forget removes the window from the windows that find searches.
func (w *windows) forget(win *window) {
	k := w.of(win.key)
	i := slices.Index(k.windows, win)
	k.windows = slices.Delete(k.windows, i, i+1)
	w.resting(win.key)
}

// dues is a heap of the open windows, ordered by the time at which they leave.
type dues []*window

// before reports whether a leaves before b.
func (a *window) before(b *window) bool {
	if a.end != b.end {
		return a.end < b.end
	}
	if a.start != b.start {
		return a.start < b.start
	}
	return a.number < b.number
}

// push adds a window.
func (d *dues) push(w *window) {
	w.index = len(*d)
	*d = append(*d, w)
	d.up(w.index)
}

// remove removes a window.
func (d *dues) remove(w *window) {
	i, last := w.index, len(*d)-1
	d.swap(i, last)
	(*d)[last] = nil
	*d = (*d)[:last]
	if i < last {
		d.fix((*d)[i])
	}
}

// fix restores the order after the end of a window has changed.
func (d *dues) fix(w *window) {
	d.up(w.index)
	d.down(w.index)
}

func (d dues) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !d[i].before(d[parent]) {
			return
		}
		d.swap(i, parent)
		i = parent
	}
}

func (d dues) down(i int) {
	for {
		first := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(d); child++ {
			if d[child].before(d[first]) {
				first = child
			}
		}
		if first == i {
			return
		}
		d.swap(i, first)
		i = first
	}
}

func (d dues) swap(i, j int) {
	d[i], d[j] = d[j], d[i]
	d[i].index, d[j].index = i, j
}

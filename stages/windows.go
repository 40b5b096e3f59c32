package stages

import (
	"cmp"
	"container/heap"
	"context"
	"fmt"
	"math"
	"slices"
	"sort"
	"time"
)

// windows is a Window at work. Times are nanoseconds since 1970.
type windows[T any] struct {
	policy   WindowPolicy
	lateness int64
	idle     int64 // 0 for none
	last     int64 // when the last item came, in the time of the run
	room     int
	f        functions[T]
	in       *Inlet[T]
	out      *Outlet[WindowOf[T]]

	base     int64                // when the run began
	mark     int64                // the watermark: windows that end by then have left
	aligned  map[place]*window[T] // open windows of fixed times
	sessions map[any][]*window[T] // open sessions by key, in the order of their times
	due      dues[T]              // all that are open
	kept     int                  // items in them
	opened   uint64               // windows so far
	found    []*window[T]         // those of the item at hand
}

// place is where an aligned window is, or an item.
type place struct {
	key any
	at  int64
}

// window is a window that is open.
type window[T any] struct {
	key        any
	start, end int64
	number     uint64
	index      int     // in dues
	lead       Item[T] // owes what all items do
	items      []T
	times      []int64 // of the items; nil where they came in the order of their times
}

func newWindows[T any](s *windower[T], f functions[T], in *Inlet[T], out *Outlet[WindowOf[T]]) *windows[T] {
	return &windows[T]{
		policy: s.WindowPolicy, lateness: int64(s.lateness), idle: int64(s.idle), room: s.room(), f: f, in: in, out: out,
		base: in.rt.base.UnixNano(), mark: math.MinInt64,
		aligned: map[place]*window[T]{}, sessions: map[any][]*window[T]{},
	}
}

// clock returns the time of what comes now.
func (w *windows[T]) clock() int64 { return w.base + w.in.rt.now() }

// next returns the time of the run at which the first window is to leave; never
// where that is for items to say.
func (w *windows[T]) next() int64 {
	switch {
	case w.f.at == nil:
		return w.due[0].end - w.base
	case w.idle == 0:
		return never
	}
	return plus(w.last, time.Duration(w.idle))
}

// close moves the watermark beyond all that is open.
func (w *windows[T]) close() {
	for len(w.due) > 0 {
		w.advance(w.due[0].end)
	}
}

// put adds an item to its windows.
func (w *windows[T]) put(ctx context.Context, it Item[T]) {
	if w.idle > 0 {
		w.last = w.in.rt.now()
	}
	p, err := protectOr(w.in.node, func() (place, error) { return w.locate(it.Value) }, func() { w.in.Fail(it, ErrGoexit) })
	if err != nil {
		w.in.Fail(it, err)
		return
	}
	w.advance(p.at - w.lateness)
	open := w.find(p)
	if len(open) == 0 {
		w.refuse(ctx, it)
		return
	}
	for _, win := range open[1:] {
		w.add(win, w.out.fork(it), p.at)
	}
	w.add(open[0], it, p.at)
	for w.kept > w.room {
		w.leave(w.due[0], true)
	}
}

// locate returns an item's key and time.
func (w *windows[T]) locate(v T) (p place, err error) {
	if w.f.key != nil {
		p.key = w.f.key(v)
	}
	if w.f.at == nil {
		p.at = w.clock()
		return p, nil
	}
	t := w.f.at(v)
	if y := t.UTC().Year(); y < 1830 || y > 2110 {
		return p, fmt.Errorf("event time is out of range: %v", t)
	}
	p.at = t.UnixNano()
	return p, nil
}

// advance moves the watermark, and sends on what ends by then.
func (w *windows[T]) advance(mark int64) {
	w.mark = max(w.mark, mark)
	for len(w.due) > 0 && w.due[0].end <= w.mark {
		w.leave(w.due[0], false)
	}
}

// flush sends on all that is open.
func (w *windows[T]) flush() {
	if w.f.at == nil {
		w.advance(w.clock())
	}
	for len(w.due) > 0 {
		w.leave(w.due[0], true)
	}
}

// refuse accounts for an item that is late.
func (w *windows[T]) refuse(ctx context.Context, it Item[T]) {
	if w.f.late == nil {
		w.in.Drop(it)
		return
	}
	_, err := protectOr(w.in.node, func() (struct{}, error) { return struct{}{}, w.f.late(ctx, it.Value) },
		func() { w.in.Fail(it, ErrGoexit) })
	if err == nil {
		err = ErrDrop
	}
	reject(w.in, it, err)
}

// find returns the windows that an item belongs to, opened where need be; none
// where all have left. The slice is good until the next call.
func (w *windows[T]) find(p place) []*window[T] {
	w.found = w.found[:0]
	if w.policy.every == 0 {
		return w.findSession(p)
	}
	size, every := int64(w.policy.size), int64(w.policy.every)
	start := time.Unix(0, p.at).Truncate(w.policy.every).UnixNano()
	for ; start+size > max(p.at, w.mark); start -= every {
		at := place{p.key, start}
		win := w.aligned[at]
		if win == nil {
			win = w.open(p.key, start, start+size)
			w.aligned[at] = win
		}
		w.found = append(w.found, win)
	}
	return w.found
}

// findSession returns the session that the item belongs to, which it may have to
// open, to make longer, or to make of others.
func (w *windows[T]) findSession(p place) []*window[T] {
	all := w.sessions[p.key]
	end := p.at + int64(w.policy.size)
	from := sort.Search(len(all), func(i int) bool { return all[i].end > p.at })
	to := from
	for to < len(all) && all[to].start < end {
		to++
	}
	if from == to {
		if end <= w.mark {
			return nil
		}
		win := w.open(p.key, p.at, end)
		w.sessions[p.key] = slices.Insert(all, from, win)
		w.found = append(w.found, win)
		return w.found
	}
	win := all[from]
	for _, next := range all[from+1 : to] {
		w.absorb(win, next)
	}
	w.sessions[p.key] = slices.Delete(all, from+1, to)
	win.start, win.end = min(win.start, p.at), max(win.end, end)
	heap.Fix(&w.due, win.index)
	w.found = append(w.found, win)
	return w.found
}

// absorb makes next, which is later, a part of win.
func (w *windows[T]) absorb(win, next *window[T]) {
	heap.Remove(&w.due, next.index)
	if next.number < win.number { // who opened the one opens both
		win.number, win.lead, next.lead = next.number, next.lead, win.lead
	}
	w.in.Fold(next.lead, &win.lead)
	win.items, win.times = append(win.items, next.items...), append(win.times, next.times...)
	win.end = next.end
}

// open adds an empty window.
func (w *windows[T]) open(key any, start, end int64) *window[T] {
	w.opened++
	win := &window[T]{key: key, start: start, end: end, number: w.opened}
	heap.Push(&w.due, win)
	return win
}

// add makes the item a part of the window.
func (w *windows[T]) add(win *window[T], it Item[T], at int64) {
	if len(win.items) == 0 {
		win.lead = it
	} else {
		w.in.Fold(it, &win.lead)
	}
	win.items = append(win.items, it.Value)
	if w.f.at != nil {
		win.times = append(win.times, at)
	}
	w.kept++
}

// leave sends the window on.
func (w *windows[T]) leave(win *window[T], partial bool) {
	heap.Remove(&w.due, win.index)
	w.kept -= len(win.items)
	w.forget(win)
	if !slices.IsSorted(win.times) {
		sort.Stable(byTime[T]{win})
	}
	sendLate(w.out, win.lead.With(WindowOf[T]{
		Start: time.Unix(0, win.start).UTC(), End: time.Unix(0, win.end).UTC(), Items: win.items, Partial: partial,
	}))
}

// forget removes the window from where items look for it.
func (w *windows[T]) forget(win *window[T]) {
	if w.policy.every > 0 {
		delete(w.aligned, place{win.key, win.start})
		return
	}
	all := w.sessions[win.key]
	i := slices.Index(all, win)
	if all = slices.Delete(all, i, i+1); len(all) > 0 {
		w.sessions[win.key] = all
	} else {
		delete(w.sessions, win.key)
	}
}

// fork returns an item that continues the lineage of it, beside it. Both have to
// be accounted for.
func (out *Outlet[T]) fork[P any](it Item[P]) Item[P] {
	out.mu.Lock()
	t := out.mint.child(it.trail)
	out.mu.Unlock()
	out.node.derived.Add(1)
	return Item[P]{Value: it.Value, trail: t}
}

// dues is a heap of the open windows by when they leave.
type dues[T any] []*window[T]

func (d dues[T]) Len() int { return len(d) }
func (d dues[T]) Less(i, j int) bool {
	a, b := d[i], d[j]
	return cmp.Or(cmp.Compare(a.end, b.end), cmp.Compare(a.start, b.start), cmp.Compare(a.number, b.number)) < 0
}
func (d dues[T]) Swap(i, j int) {
	d[i], d[j] = d[j], d[i]
	d[i].index, d[j].index = i, j
}
func (d *dues[T]) Push(x any) {
	win := x.(*window[T])
	win.index = len(*d)
	*d = append(*d, win)
}
func (d *dues[T]) Pop() any {
	last := len(*d) - 1
	win := (*d)[last]
	(*d)[last] = nil
	*d = (*d)[:last]
	return win
}

// byTime sorts a window's items.
type byTime[T any] struct{ win *window[T] }

func (b byTime[T]) Len() int           { return len(b.win.items) }
func (b byTime[T]) Less(i, j int) bool { return b.win.times[i] < b.win.times[j] }
func (b byTime[T]) Swap(i, j int) {
	b.win.items[i], b.win.items[j] = b.win.items[j], b.win.items[i]
	b.win.times[i], b.win.times[j] = b.win.times[j], b.win.times[i]
}

package operator

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sort"
	"time"

	"github.com/weir-go/weir/internal/handoff"
	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/internal/typed"
	"github.com/weir-go/weir/stages"
)

// windows is a running Window, without the type of its items. Times are nanoseconds since 1970.
type windows struct {
	policy   WindowPolicy
	lateness int64
	idle     time.Duration // 0 for none
	room     int
	in       *kernel.Inlet
	out      *kernel.Outlet
	rt       *kernel.Run

	// These functions know the type. The first three concern the item at a place of the inlet's
	// batch, and may be nil.
	at   func(place int) time.Time
	keys typed.Keys
	late func(ctx context.Context, place int) error
	hold func() bag // returns an empty bag
	send func(win *window, partial bool)

	base   int64                   // time at which the run began
	mark   int64                   // the watermark: windows that end by then have left
	now    int64                   // time at which the items at hand came
	last   int64                   // time of the run at which the last items were done
	spots  [handoff.BatchSize]spot // of the places at hand
	next   int                     // the first spot that is not done
	open   []keyed                 // open windows by the number of their key; number 0 without keys
	rest   []int32                 // keys that may have no windows
	due    dues                    // all open windows
	kept   int                     // items in all open windows
	opened uint64                  // windows opened so far
	found  []*window               // windows of the current item
	start  int64                   // start of the last aligned window
	run    stretch
	spare  []*window
}

// stretch is adjacent items at hand that belong to one window and are not in it yet.
type stretch struct {
	win      *window // nil for none
	from, to int
}

// bag has the values of a window.
type bag interface {
	// add adds the values of the places from up to to of a batch.
	add(b *handoff.Batch, from, to int)
	merge(bag)
	swap(i, j int)
}

// spot is the key and the time of an item.
type spot struct {
	key int32
	at  int64
}

func newWindows(p WindowPolicy, s stages.Settings, in *kernel.Inlet, out *kernel.Outlet) *windows {
	w := &windows{
		policy: p, lateness: int64(s.Lateness), idle: s.Idleness, room: s.Capacity, in: in, out: out, rt: in.Node().Run(),
		mark: math.MinInt64, start: math.MinInt64,
	}
	if w.room == 0 {
		w.room = stages.DefaultKept
	}
	w.base = w.rt.Time(0).UnixNano()
	return w
}

// work makes windows until the stream has ended.
func (w *windows) work() {
	a := kernel.NewAlarm(w.rt)
	defer a.End()
	defer w.flush()
	for {
		_, ok, woken := a.Next(w.in)
		switch {
		case ok:
			w.now = w.base + w.rt.Now()
			w.take(w.in.Neighbours(handoff.BatchSize))
			w.release()
			if w.idle > 0 {
				w.last = w.rt.Now() // later than now if the stage had to wait for room below
			}
		case !woken:
			return
		case a.Short():
			w.flush()
		case a.Early():
			w.release()
		case w.at == nil:
			w.advance(w.base + w.rt.Now())
		case w.rt.Now() >= w.leaves() && !w.in.Poll():
			w.close()
		}
		if len(w.due) > 0 {
			a.Set(w.leaves())
		}
	}
}

// leaves returns the time of the run at which the first window must leave. It is [kernel.Never] if
// only items move the watermark.
func (w *windows) leaves() int64 {
	switch {
	case w.at == nil:
		return w.due[0].end - w.base
	case w.idle == 0:
		return kernel.Never
	}
	return kernel.Plus(w.last, w.idle)
}

// close moves the watermark beyond all open windows.
func (w *windows) close() {
	for len(w.due) > 0 {
		w.advance(w.due[0].end)
	}
}

// take adds the items at the places from up to to to their windows.
func (w *windows) take(from, to int) {
	w.tidy()
	w.next = from
	defer func() { // items are left if a function has ended the goroutine
		for ; w.next < to; w.next++ {
			w.in.FailAt(w.next, w.rt.AbortError(), 0)
		}
	}()
	for from < to {
		from = w.in.Visit(from, to, w.locate, func(i int, err error, attempts int) {
			w.putAll(i)
			w.next = i + 1
			w.in.FailAt(i, err, attempts)
		})
		w.putAll(from)
	}
}

// An event time outside of the years from 1830 to 2110 is a mistake.
var (
	firstSecond = time.Date(1830, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	lastSecond  = time.Date(2111, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
)

// locate finds the time and the key of the item at a place.
func (w *windows) locate(place int) (err error) {
	p := spot{at: w.now}
	if w.at != nil {
		t := w.at(place)
		if s := t.Unix(); s < firstSecond || s >= lastSecond {
			return fmt.Errorf("event time is out of range: %v", t)
		}
		p.at = t.UnixNano()
	}
	if w.keys != nil {
		p.key, err = w.keys.Of(w.in.B, place)
	}
	w.spots[place] = p
	return err
}

// putAll adds the next items up to place to to their windows. Their spots must be known.
func (w *windows) putAll(to int) {
	for w.next < to {
		w.next++
		w.put(w.next-1, w.spots[w.next-1])
	}
	w.settle()
	w.in.Node().Keeps(w.kept)
}

// put adds the item at a place to its windows.
func (w *windows) put(place int, p spot) {
	w.advance(p.at - w.lateness)
	switch open := w.find(p); len(open) {
	case 0:
		w.refuse(place)
		return
	case 1:
		w.extend(open[0], place, p.at)
	default:
		m := w.in.MetaAt(place)
		for _, win := range open[1:] {
			w.add(win, place, w.out.Derive(&m), p.at)
		}
		w.add(open[0], place, m, p.at)
	}
	for w.kept > w.room {
		w.leave(w.due[0], true)
	}
}

// advance moves the watermark, and sends the windows that end by then.
func (w *windows) advance(mark int64) {
	w.mark = max(w.mark, mark)
	for len(w.due) > 0 && w.due[0].end <= w.mark {
		w.leave(w.due[0], false)
	}
}

// release sends the windows that have an item that must not be held back.
func (w *windows) release() {
	if !w.rt.Recall().Any() {
		return
	}
	all := slices.SortedFunc(slices.Values(w.due), func(a, b *window) int {
		if a.before(b) {
			return -1
		}
		return 1
	})
	for _, win := range all {
		if w.in.Node().Called(&win.lead) {
			w.leave(win, true)
		}
	}
}

// flush sends all open windows.
func (w *windows) flush() {
	if w.at == nil {
		w.advance(w.base + w.rt.Now())
	}
	for len(w.due) > 0 {
		w.leave(w.due[0], true)
	}
}

// refuse accounts for a late item.
func (w *windows) refuse(place int) {
	m := w.in.MetaAt(place)
	if w.late == nil {
		w.in.Drop(m)
		return
	}
	w.in.Ask(place, &m, func(ctx context.Context) error {
		if err := w.late(ctx, place); err != nil {
			return err
		}
		return stages.ErrDrop
	})
}

// extend adds the item at a place to win, the only window of the item. Adjacent items are added
// together.
func (w *windows) extend(win *window, place int, at int64) {
	if w.run.win != win || w.run.to != place {
		w.settle()
		w.run = stretch{win, place, place}
	}
	w.run.to++
	w.count(win, at)
}

// settle adds the items of the stretch to their window.
func (w *windows) settle() {
	win, from, to := w.run.win, w.run.from, w.run.to
	if win == nil {
		return
	}
	w.run.win = nil
	win.items.add(w.in.B, from, to)
	if !win.led {
		win.led, win.lead = true, w.in.MetaAt(from)
		from++
	}
	if from < to {
		w.in.FoldRun(from, to, &win.lead)
	}
}

// add adds the item at a place to the window. m has what the item has beside its value.
func (w *windows) add(win *window, place int, m kernel.Meta, at int64) {
	w.settle()
	win.items.add(w.in.B, place, place+1)
	if !win.led {
		win.led, win.lead = true, m
	} else {
		w.in.Fold(m, &win.lead)
	}
	w.count(win, at)
}

// count counts an item of a window.
func (w *windows) count(win *window, at int64) {
	if w.at != nil {
		win.times = append(win.times, at)
	}
	win.n++
	w.kept++
}

// leave sends the window.
func (w *windows) leave(win *window, partial bool) {
	w.settle()
	w.due.remove(win)
	w.kept -= win.n
	w.in.Node().Keeps(w.kept)
	w.forget(win)
	if !slices.IsSorted(win.times) {
		sort.Stable(byTime{win})
	}
	w.send(win, partial)
	w.keep(win)
}

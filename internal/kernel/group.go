package kernel

import (
	"context"

	"github.com/weir-go/weir/internal/account"
	"github.com/weir-go/weir/internal/fault"
	"github.com/weir-go/weir/internal/handoff"
	"github.com/weir-go/weir/internal/lineage"
)

// Op is the typed part of a stage that makes at most one item of each item. Work handles the
// healthy items of g from g.Next up to g.End, in order. For each item:
//
//   - it writes a result to g.Out at g.N, and then increases g.N and g.Next,
//   - or it calls [Group.Fail] or [Group.Drop],
//   - or, if the context has ended, it calls [Group.Refuse] instead of a function.
//
// If Work panics, item g.Next fails, and Work is called again for the rest.
type Op interface{ Work(g *Group) }

// Group is up to 64 neighbours that an [Op] handles in one call. They share two clock readings, one
// record and one entry in the account.
type Group struct {
	Ctx       context.Context // of the function
	In, Out   *handoff.Batch  // Out is nil at a sink
	Next, End int             // places of In
	N         int             // the next place of Out

	node     *Node
	pace     *Pace                 // of the worker
	from, to int                   // the places of In
	at       int                   // the first place of Out
	gone     Mask                  // items, counted from from, that have no place in Out
	ended    Mask                  // items of gone whose lineage has ended
	idle     Mask                  // items for which no function was called
	limit    lineage.Limit         // limits of the items that within tries
	contexts []lineage.CallContext // spare contexts, allocated together because that costs less
	exited   bool                  // the function has ended the goroutine
	call     *Call                 // the call as hooks see it; nil until hooks see one
	err      error                 // error of that call

	refused int64 // healthy items for which no function was called
	unsent  int64 // healthy items of which no result is sent
	tally   account.Tally

	// Of a section.
	errs    *[handoff.BatchSize]error // errors go here, and results keep the places of their items
	calls   *[handoff.BatchSize]Call  // the calls as hooks see them
	limited Mask                      // items with limits
	limits  *[handoff.BatchSize]lineage.Limit
}

// begin prepares the group for places of in.
func (g *Group) begin(n *Node, in *handoff.Batch, from, to int) {
	g.Ctx, g.node, g.In, g.from, g.to, g.at = n.run.Ctx, n, in, from, to, g.N
	g.gone, g.ended, g.idle, g.exited = 0, 0, 0, false
	g.refused, g.unsent = 0, 0
}

// run handles all items. A failed item skips the op and keeps its place. An item is tried together
// with the neighbours that have the same limits.
func (g *Group) run() {
	g.Next = g.from
	mixed := g.limited != 0
	if g.errs == nil {
		mixed = g.In.Has(handoff.HasFault | handoff.HasLimit)
	}
	if !mixed {
		g.End = g.to
		g.works()
		return
	}
	for g.Next < g.to {
		if f := g.In.Fault(g.Next); f != nil {
			g.idle |= g.bit()
			g.place(f)
			continue
		}
		if g.node.finished {
			g.End = g.Next + 1
			g.dropAll()
			continue
		}
		l, end := g.limitOf(g.Next), g.Next+1
		for ; end < g.to && g.In.Fault(end) == nil; end++ {
			if next := g.limitOf(end); !l.SameAs(&next) {
				break
			}
		}
		g.within(&l, end)
	}
}

// limitOf returns what ends the work on the item at a place.
func (g *Group) limitOf(place int) lineage.Limit {
	switch {
	case g.errs == nil:
		return g.In.Trail(place).Limit()
	case g.limited&One(place) != 0:
		return g.limits[place]
	}
	return lineage.Limit{}
}

func (g *Group) bit() Mask { return One(g.Next - g.from) }

// within tries the items up to end, which have the same limits. Their calls share a context, which
// ends after the last one.
func (g *Group) within(l *lineage.Limit, end int) {
	g.End = end
	if !l.Bounded() {
		g.works()
		return
	}
	g.limit = *l
	var late error
	if l.Ctx != nil { // otherwise the context of the calls reports the deadline
		late = l.Over(g.node.run.Clock)
	}
	if late != nil {
		for g.Next < end {
			g.refuse(late)
		}
	} else {
		ctx := l.WithinNew(g.context(l), g.node.run.Ctx, g.node.run.Clock)
		g.Ctx = ctx
		g.works()
		ctx.End()
	}
	g.Ctx, g.limit = g.node.run.Ctx, lineage.Limit{}
}

// context returns a new context for calls. It is not reused, because user code may keep it.
func (g *Group) context(l *lineage.Limit) *lineage.CallContext {
	if c := l.Memory(); c != nil {
		return c
	}
	if len(g.contexts) == 0 {
		g.contexts = make([]lineage.CallContext, 6) // 512 bytes, up to which an allocation is cheap
	}
	c := &g.contexts[0]
	g.contexts = g.contexts[1:]
	return c
}

// works calls the op up to End, again after each panic.
func (g *Group) works() {
	if h := g.node.run.calling; h != nil && h.selects(&g.limit) {
		g.watch()
		return
	}
	g.unwatched()
}

func (g *Group) unwatched() {
	for end := g.End; g.Next < end; {
		g.protected()
	}
}

func (g *Group) protected() {
	returned := false
	defer func() {
		if returned {
			return
		}
		err := fault.Caught(g.node.Name, recover())
		value, trail := g.In.Vals.Value(g.Next), g.In.Trail(g.Next)
		g.Fail(err)
		if err == fault.ErrGoexit { //nolint:errorlint // our own value, as it is
			g.exited = true
			g.node.Exited(fault.ItemError(g.node.NewFault(err, 1, value, trail)))
			for g.Next < g.to {
				g.pass()
			}
			g.err = err // of the call, for hooks
		}
	}()
	g.node.op.Work(g)
	returned = true
}

// pass handles item Next without calling a function: the run was aborted.
func (g *Group) pass() {
	if f := g.In.Fault(g.Next); f != nil {
		g.idle |= g.bit()
		g.place(f)
		return
	}
	g.refuse(g.node.run.AbortError())
}

// Refuse fails the items up to End because the context has ended: the run was aborted, or the time
// of the items is up. No function is called for them.
func (g *Group) Refuse() {
	err := error(nil)
	if g.limit.Bounded() && !g.node.run.Aborted() {
		err = g.limit.Over(g.node.run.Clock)
	}
	if err == nil {
		err = g.node.run.AbortError()
	}
	for g.Next < g.End {
		g.refuse(err)
	}
}

// refuse fails item Next without a call.
func (g *Group) refuse(err error) {
	g.refused++
	g.idle |= g.bit()
	g.fail(err, 0)
}

// Fail fails item Next after a call, or drops it if err is [fault.ErrDrop].
func (g *Group) Fail(err error) {
	if fault.IsDrop(err) {
		g.Drop()
		return
	}
	g.fail(g.node.Blame(&g.limit, g.Ctx, err), 1)
}

func (g *Group) fail(err error, attempts int) {
	g.err = err
	if g.errs != nil {
		g.errs[g.Next] = err
		g.Next++
		g.N++
		return
	}
	g.tally.Fail(err)
	g.unsent++
	g.place(g.node.NewFault(err, attempts, g.In.Vals.Value(g.Next), g.In.Trail(g.Next)))
}

// Drop drops item Next on purpose.
func (g *Group) Drop() {
	g.err = fault.ErrDrop
	g.gone |= g.bit()
	g.Next++
	if g.errs != nil {
		g.N++
		return
	}
	g.tally.Filtered++
	g.unsent++
}

// Forward sends the next k items as they are. Their values must have the type of the results.
func (g *Group) Forward(k int) {
	g.In.Vals.CopyTo(g.Out.Vals, g.N, g.Next, g.Next+k)
	g.Next += k
	g.N += k
}

// Finish says that the stage wants no more items. It drops the rest.
func (g *Group) Finish() {
	g.node.finished = true
	g.dropAll()
}

func (g *Group) dropAll() {
	for g.Next < g.End {
		g.Drop()
	}
}

// place gives the failed item Next a place among the results. A sink has no results.
func (g *Group) place(f *fault.Fault) {
	i := g.Next
	if g.Out == nil {
		g.gone |= g.bit()
		g.ended |= g.bit()
		g.node.Lose(f, g.In.Trail(i))
	} else {
		g.Out.Spoil(g.N, f)
		g.N++
	}
	g.Next++
}

// account books the group, which was handled from begin to end, and passes the lineage on.
func (g *Group) account(begin, end int64) {
	n, t, k := g.node, &g.tally, g.to-g.from
	tried := int64(k - g.idle.Len())
	longest := g.pace.Longest(k, end-begin) // uses the mean before this group
	g.pace.Note(k, end-begin)
	t.In += tried + g.refused
	t.Out += tried + g.refused - g.unsent
	t.Attempts += tried
	if n.run.timed {
		t.Worked(&n.Books, tried, end-begin)
		t.Longest = max(t.Longest, longest)
	}
	if !g.In.Has(handoff.HasTrail) {
		return
	}
	trails, left := g.In.Trails[g.from:g.to], g.In.Left[g.from:g.to]
	if n.run.timed && tried > 0 {
		g.stamp(trails, left, begin, (end-begin)/tried)
	}
	switch {
	case g.Out == nil && g.gone == 0:
		t.Ages(&n.Books, trails, left)
		lineage.Release(trails, nil)
	case g.gone == 0:
		copy(g.Out.Trails[g.at:], trails)
		copy(g.Out.Left[g.at:], left)
		g.Out.Mark(g.In.Marks.Load() &^ handoff.HasFault)
	default:
		g.sift(trails, left)
	}
}

// stamp sets the times at which the tried items left, and books their waits and lineage records.
func (g *Group) stamp(trails []*lineage.Trail, left []int64, begin, each int64) {
	for tried := Span(0, len(trails)) &^ g.idle; tried != 0; {
		i, j := tried.Run()
		tried = tried.Without(i, j)
		g.tally.Waits(&g.node.Books, left[i:j], begin, each)
		if g.Out != nil { // nothing asks for the timings of items that leave at a sink
			lineage.RecordGroup(trails[i:j], lineage.Record{Begin: begin, Each: each, Node: g.node.Index, Attempts: 1})
		}
		begin += int64(j-i) * each
	}
}

// sift passes on the lineage of the items that have a place, and ends that of the others.
func (g *Group) sift(trails []*lineage.Trail, left []int64) {
	at := g.at
	for i := range trails {
		switch bit := One(i); {
		case g.ended&bit != 0:
		case g.gone&bit != 0:
			trails[i].Leave(nil)
		case g.Out == nil:
			g.tally.Ages(&g.node.Books, trails[i:i+1], left[i:i+1])
			trails[i].Leave(nil)
		default:
			g.Out.Trails[at], g.Out.Left[at] = trails[i], left[i]
			at++
		}
	}
	if g.Out != nil {
		g.Out.Mark(g.In.Marks.Load() &^ handoff.HasFault)
	}
}

// ---- Calls of a section, which keep the places of items

// Bind binds the group to the node, for [Group.Call].
func (g *Group) Bind(n *Node) { g.node, g.Ctx = n, n.run.Ctx }

// At sets where the outcomes of calls go: errors to errs, and what hooks see to calls, which may be
// nil. Errors and results have the places of their items.
func (g *Group) At(errs *[handoff.BatchSize]error, calls *[handoff.BatchSize]Call) {
	g.errs, g.calls = errs, calls
}

// Call calls the op for the places of in from from up to to. limits has the limits of the items in
// limited.
func (g *Group) Call(in, out *handoff.Batch, from, to int, limited Mask, limits *[handoff.BatchSize]lineage.Limit) {
	g.N, g.Out, g.limited, g.limits = from, out, limited, limits
	g.begin(g.node, in, from, to)
	g.run()
}

// Untried returns the places for which Call has called no function.
func (g *Group) Untried() Mask { return g.idle << g.from }

// Dropped returns the places whose items Call has dropped on purpose.
func (g *Group) Dropped() Mask { return g.gone << g.from }

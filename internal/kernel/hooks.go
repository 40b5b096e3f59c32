package kernel

import (
	"context"
	"time"

	"github.com/weir-go/weir/internal/fault"
	"github.com/weir-go/weir/internal/lineage"
)

// Hooks are functions that the run calls when something happens to items. Each may be nil. None may
// panic: package flow ensures that.
type Hooks struct {
	// Selected makes the run call Begin only for items that carry a context, or are made of such
	// items.
	Selected bool

	Enter      func(ctx context.Context) context.Context
	Gap        func() int64 // nil for none
	Root       func(ctx context.Context) context.Context
	Begin      func(ctx context.Context, c *Call) context.Context
	End        func(ctx context.Context, c *Call, err error, work time.Duration)
	Leave      func(c *Call, err error)
	Change     func(c Change)
	Fail       func(f *fault.Fault)
	DeadLetter func(stage string, f *fault.Fault)
}

// Call is a call of a user's function, as hooks see it. Its fields are those of flow.Call.
type Call struct {
	Stage   string
	Attempt int
	Items   int
	Links   []context.Context
	State   any

	Watched bool
}

// Change is a change of a layer's state. Its fields are those of flow.Change.
type Change struct {
	Stage, Kind, Name, From, To string
	Err                         error
}

// begin calls Begin, and returns the context for the call.
func (c *Call) begin(h *Hooks, ctx context.Context) context.Context {
	if h.Begin == nil {
		c.Watched = true
		return ctx
	}
	if with := h.Begin(ctx, c); with != nil {
		c.Watched = true
		return with
	}
	return ctx
}

// SetHooks sets the hooks of the run. It must be called before nodes are created.
func (r *Run) SetHooks(h *Hooks) {
	r.hooks = h
	r.pool.KeepContexts()
	r.gap.Store(r.firstGap())
	if h.Begin != nil || h.End != nil || h.Leave != nil {
		r.calling = h
	}
}

// Hooks returns the hooks of the run, nil for none.
func (r *Run) Hooks() *Hooks { return r.hooks }

// Enters returns the context of an item that comes from a source with ctx, nil for none.
func (r *Run) Enters(ctx context.Context) context.Context {
	if r.hooks == nil || r.hooks.Enter == nil {
		return ctx
	}
	if ctx == nil { // an item of a caller; items of sources come by [Outlet.enters]
		if r.hooks.Gap != nil && !r.drawnCaller() {
			return nil
		}
		return r.root(r.Ctx)
	}
	if with := r.hooks.Enter(ctx); with != nil {
		return with
	}
	return ctx
}

// root returns the context of an item that comes without one, nil for none.
func (r *Run) root(given context.Context) context.Context {
	f := r.hooks.Root
	if f == nil {
		f = r.hooks.Enter
	}
	if with := f(given); with != given {
		return with
	}
	return nil
}

// drawn reports whether hooks see the next item that comes without a context. left counts down the
// items that hooks do not see before that.
func (h *Hooks) drawn(left *int64) bool {
	switch {
	case h.Gap == nil:
		return true
	case *left > 0:
		*left--
		return false
	}
	*left = h.Gap()
	return true
}

// drawnCaller is drawn for callers that come without a context.
func (r *Run) drawnCaller() bool {
	if r.gap.Add(-1) >= 0 {
		return false
	}
	r.gap.Store(r.hooks.Gap())
	return true
}

// firstGap returns how many items pass before the first one that hooks see.
func (r *Run) firstGap() int64 {
	if r.hooks == nil || r.hooks.Gap == nil {
		return 0
	}
	return r.hooks.Gap()
}

// entering reports whether hooks see the items that sources bring.
func (r *Run) entering() bool { return r.hooks != nil && r.hooks.Enter != nil }

// selects reports whether hooks are called for an item.
func (h *Hooks) selects(l *lineage.Limit) bool { return !h.Selected || l.Linked() }

// watch handles the items up to End one at a time, with hooks.
func (g *Group) watch(h *Hooks) {
	end := g.End
	for g.Next < end {
		g.End = g.Next + 1
		if g.Ctx.Err() != nil { // no function is called
			g.unwatched()
			continue
		}
		g.watchOne(h)
	}
	g.End = end
}

// watchOne handles item Next with hooks.
func (g *Group) watchOne(h *Hooks) {
	c, run := g.callOf(g.Next), g.node.run
	c.Stage, c.Items, c.Attempt = g.node.Name, 1, c.Attempt+1
	c.Links = g.limit.Kinship()
	before := g.Ctx
	g.Ctx = c.begin(h, before)
	if !c.Watched {
		g.unwatched()
		return
	}
	began := run.now()
	g.err = nil
	defer g.watched(h, c, before, began) // also if the function ends the goroutine
	g.unwatched()
}

// watched tells the hooks that a call has ended. The call began at began.
func (g *Group) watched(h *Hooks, c *Call, before context.Context, began int64) {
	if h.End != nil {
		h.End(g.Ctx, c, g.err, time.Duration(g.node.run.now()-began))
	}
	g.Ctx = before
	if g.errs == nil {
		if h.Leave != nil {
			h.Leave(c, g.err)
		}
		*c = Call{}
	}
}

// callOf returns the call for an item.
func (g *Group) callOf(place int) *Call {
	if g.calls != nil {
		return &g.calls[place]
	}
	g.call = Call{}
	return &g.call
}

// CallFor is [Node.Call] for a function that is called once for several items.
func (n *Node) CallFor(ctx context.Context, items []Meta, which []int, f func(context.Context) error) (err error) {
	h := n.run.calling
	if h == nil {
		return n.Call(func() error { return f(ctx) })
	}
	c := Call{Stage: n.Name, Items: len(which), Attempt: 1}
	for _, i := range which {
		l := items[i].Limit()
		c.Links = l.Links(c.Links)
	}
	if h.Selected && len(c.Links) == 0 {
		return n.Call(func() error { return f(ctx) })
	}
	with := c.begin(h, ctx)
	began := n.run.now()
	err = fault.ErrGoexit
	defer func() {
		if !c.Watched {
			return
		}
		if h.End != nil {
			h.End(with, &c, err, time.Duration(n.run.now()-began))
		}
		if h.Leave != nil {
			h.Leave(&c, err)
		}
	}()
	err = n.Call(func() error { return f(with) })
	return err
}

// Try is [Inlet.Ask] for the function of the stage itself: hooks see the call. It also returns the
// number of calls.
func (in *Inlet) Try(m *Meta, f func(context.Context) error) (attempts int, ok bool) {
	h := in.node.run.calling
	if h == nil {
		return in.call(in.Pos, m, f)
	}
	l := m.Limit()
	if !h.selects(&l) {
		return in.call(in.Pos, m, f)
	}
	return in.call(in.Pos, m, func(ctx context.Context) (err error) { return in.node.tried(ctx, &l, f) })
}

// Consult calls f about a failed item, as [Node.Protect] does. The context of f has the values of
// the item's context, but does not end with it: that end may be the reason of the failure. Hooks
// see the call.
func (n *Node) Consult(m *Meta, f func(context.Context) error) error {
	ctx, h, l := n.ValuesOf(m), n.run.calling, m.Limit()
	if h == nil || !h.selects(&l) {
		return n.Protect(func() error { return f(ctx) })
	}
	return n.Protect(func() error { return n.tried(ctx, &l, f) })
}

// tried calls f for an item, with hooks.
func (n *Node) tried(ctx context.Context, l *lineage.Limit, f func(context.Context) error) (err error) {
	h := n.run.calling
	c := Call{Stage: n.Name, Items: 1, Attempt: 1}
	c.Links = l.Kinship()
	with := c.begin(h, ctx)
	if !c.Watched {
		return f(ctx)
	}
	began := n.run.now()
	returned := false
	defer func() {
		if !returned {
			err = fault.Caught(n.Name, recover()) // if the goroutine is ending, it still ends
		}
		if h.End != nil {
			h.End(with, &c, err, time.Duration(n.run.now()-began))
		}
		if h.Leave != nil {
			h.Leave(&c, err)
		}
	}()
	err = f(with)
	returned = true
	return err
}

// CallHooks returns the hooks of the run if they see calls, else nil.
func (r *Run) CallHooks() *Hooks { return r.calling }

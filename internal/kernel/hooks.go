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

// SetHooks sets the hooks of the run. It must be called before nodes are created.
func (r *Run) SetHooks(h *Hooks) {
	r.hooks = h
	r.pool.KeepContexts()
	r.gap.Store(r.nextGap())
	if h.Begin != nil || h.End != nil || h.Leave != nil {
		r.calling = h
	}
}

// Hooks returns the hooks of the run, nil for none.
func (r *Run) Hooks() *Hooks { return r.hooks }

// Enters returns the context of an item that comes with ctx, nil for none.
func (r *Run) Enters(ctx context.Context) context.Context {
	if !r.entering() {
		return ctx
	}
	if ctx == nil {
		if r.gap.Add(-1) >= 0 {
			return nil
		}
		r.gap.Store(r.nextGap())
		return r.root()
	}
	if with := r.hooks.Enter(ctx); with != nil {
		return with
	}
	return ctx
}

// nextGap returns how many items that come without a context pass before hooks see one.
func (r *Run) nextGap() int64 {
	if r.hooks == nil || r.hooks.Gap == nil {
		return 0
	}
	return r.hooks.Gap()
}

// root returns the context of an item that comes without one, nil for none.
func (r *Run) root() context.Context {
	f := r.hooks.Root
	if f == nil {
		f = r.hooks.Enter
	}
	if with := f(r.Ctx); with != r.Ctx {
		return with
	}
	return nil
}

// entering reports whether hooks see the items that sources bring.
func (r *Run) entering() bool { return r.hooks != nil && r.hooks.Enter != nil }

// selects reports whether hooks are called for an item.
func (h *Hooks) selects(l *lineage.Limit) bool { return !h.Selected || l.Linked() }

// watch calls f with the context that Begin returns. End and leave hear how f ended, also if f has
// panicked or ended the goroutine. leave is nil if the item does not leave the stage after the call.
func (n *Node) watch(ctx context.Context, c *Call, f func(context.Context) error, leave func(*Call, error)) (err error) {
	h := n.run.calling
	c.Stage = n.Name
	with := ctx
	if h.Begin != nil {
		with = h.Begin(ctx, c)
	}
	if with != nil {
		ctx, c.Watched = with, true
	}
	if !c.Watched {
		return f(ctx)
	}
	began, returned := n.run.now(), false
	defer func() {
		if !returned {
			err = fault.Caught(n.Name, recover()) // if the goroutine is ending, it still ends
		}
		if h.End != nil {
			h.End(ctx, c, err, time.Duration(n.run.now()-began))
		}
		if leave != nil {
			leave(c, err)
		}
	}()
	err = f(ctx)
	returned = true
	return err
}

// watch handles the items up to End one at a time, with hooks.
func (g *Group) watch() {
	for end := g.End; g.Next < end; {
		g.End = g.Next + 1
		if g.Ctx.Err() != nil { // no function is called
			g.unwatched()
			continue
		}
		if g.call == nil {
			g.call = new(Call)
		}
		c, leave, before := g.call, g.node.run.calling.Leave, g.Ctx
		if g.calls != nil {
			c, leave = &g.calls[g.Next], nil
		}
		c.Items, c.Attempt, c.Links = 1, c.Attempt+1, g.limit.Kinship()
		g.node.watch(before, c, func(ctx context.Context) error {
			g.Ctx, g.err = ctx, nil
			g.unwatched()
			return g.err
		}, leave)
		g.Ctx, *g.call = before, Call{}
	}
}

// CallFor calls f, which calls the function of the stage for several items, as [Node.Protect] does.
// Hooks see the call. [Node.Calls] counts it.
func (n *Node) CallFor(ctx context.Context, items []Meta, which []int, f func(context.Context) error) error {
	n.calls.Add(1)
	defer n.calls.Add(-1)
	h := n.run.calling
	if h == nil {
		return n.Protect(func() error { return f(ctx) })
	}
	c := Call{Items: len(which), Attempt: 1}
	for _, i := range which {
		l := items[i].Limit()
		c.Links = l.Links(c.Links)
	}
	return n.Protect(func() error {
		if h.Selected && c.Links == nil {
			return f(ctx)
		}
		return n.watch(ctx, &c, f, h.Leave)
	})
}

// Try is [Inlet.Ask] for the function of the stage itself: hooks see the call. It also returns the
// number of calls.
func (in *Inlet) Try(m *Meta, f func(context.Context) error) (attempts int, ok bool) {
	if in.node.run.calling == nil {
		return in.call(in.Pos, m, f)
	}
	return in.call(in.Pos, m, func(ctx context.Context) error { return in.node.tried(ctx, m, f) })
}

// Consult calls f about a failed item, as [Node.Protect] does. The context of f has the values of
// the item's context, but does not end with it: that end may be the reason of the failure. Hooks
// see the call.
func (n *Node) Consult(m *Meta, f func(context.Context) error) error {
	return n.Protect(func() error { return n.tried(n.valuesOf(m), m, f) })
}

// tried calls f for an item. Hooks see the call.
func (n *Node) tried(ctx context.Context, m *Meta, f func(context.Context) error) error {
	h, l := n.run.calling, m.Limit()
	if h == nil || !h.selects(&l) {
		return f(ctx)
	}
	return n.watch(ctx, &Call{Items: 1, Attempt: 1, Links: l.Kinship()}, f, h.Leave)
}

// CallHooks returns the hooks of the run if they see calls, else nil.
func (r *Run) CallHooks() *Hooks { return r.calling }

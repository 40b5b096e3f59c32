package flow

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/weir-go/weir/internal/fault"
	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/stages"
)

// Hooks are functions that a run calls when something happens inside it. Each of them may be nil,
// and costs nothing then. [WithHooks] sets them. They are called from many goroutines. They must be
// quick and must not block, because an item or a section waits for them. A panic of a hook is
// contained; the run fails with the panic.
//
// A stage with hooks for its calls processes its items one by one, not in groups. That costs about
// 50 ns for each item and stage, beside the time of the hooks.
type Hooks struct {
	// Selected restricts Begin, End and Leave to items that carry a context of their own. The
	// source, the caller of a [Service] or Enter gives an item its context; items made of such
	// items count as well. Other items stay in groups, and cost nothing.
	Selected bool

	// Enter is called for each item that a source brings, with the context that the item
	// carries or else that of the run. The item carries the context that Enter returns from
	// then on, to all stages. If Enter returns nil or what it was given, nothing changes. It
	// needs the timings that [Untimed] leaves out.
	Enter func(ctx context.Context) context.Context

	// Root, if it is set, is called in place of Enter for items that come without a context of
	// their own. It gets the context of the run. Gap, if it is set, returns how many of these items
	// pass before Root is called again. So items that are not sampled cost almost nothing. Both
	// need Enter.
	Root func(ctx context.Context) context.Context
	Gap  func() int64

	// Begin is called before each call of the function of a Map, Filter, FlatMap, Scan, Reduce,
	// Lanes, MapBatch, ForEach, ForEachBatch, OnError, DeadLetter or section. The function gets
	// the context that Begin returns, which must be made of ctx. If Begin returns nil, End and
	// Leave are not called for the call. If the field is nil, they are called for all.
	//
	// Functions without a context are not seen: keys, weights, joins, conditions and the
	// sequences of a FlatMap. They are part of the work of their stage and are called so often
	// that hooks would cost more than the functions. Hooks do not see the functions of sources
	// and layers, and not that of [github.com/weir-go/weir/stages/sink.Async], which returns
	// before its work is done.
	Begin func(ctx context.Context, c *Call) context.Context
	// End is called after the call, even if the function panics or ends its goroutine. ctx is the
	// context that Begin returned, and work is how long the call took. err is the error of the
	// call; nil and [stages.ErrDrop] are successes.
	End func(ctx context.Context, c *Call, err error, work time.Duration)
	// Leave is called when the item leaves the stage, with the error that it leaves with. In a
	// section that is after its last attempt and after all layers.
	Leave func(c *Call, err error)

	// Change is called when a layer has changed its state, such as a breaker that has opened.
	Change func(c Change)
	// Fail is called when an item fails in a stage; in a section, after its last attempt. It is
	// also called for items that are inside at an abort.
	Fail func(fault *stages.ItemError)
	// DeadLetter is called when an item has become a dead letter in a stage.
	DeadLetter func(stage string, fault *stages.ItemError)

	// Stop is called once when the intake stops and the drain begins, unless the sources have ended
	// by themselves. Abort is called when the run is aborted. Finish is called when everything has
	// ended, before [Run.Wait] returns.
	Stop   func(r *Run)
	Abort  func(r *Run, cause error)
	Finish func(r *Run, report *Report, err error)
}

// Call is one call of a user's function, as [Hooks] see it. It belongs to the hooks until Leave
// returns.
type Call struct {
	Stage   string
	Attempt int // 1 unless a layer retries
	Items   int // 1 unless the function takes many at once, as that of a MapBatch
	// Links are the contexts of the items that the call is for, or that a Batch has made the item
	// of. There are up to 128, and items without a context have none.
	Links []context.Context
	// State is for the hooks: what Begin sets is there in End, in Leave, and in the next Begin
	// for the same item in the same section.
	State any

	// Watched reports that Begin wanted the call: End and Leave are called for it.
	Watched bool
}

// Change is a change of a layer's state.
type Change struct {
	Stage string
	Kind  string // such as "breaker"
	Name  string // that the layer was given; may be empty
	From  string // such as "closed"
	To    string // such as "open"
	Err   error  // why; nil if no error is the reason
}

// WithHooks sets hooks for the run. A run may have several sets of hooks. Each set sees everything,
// and gets the contexts that Enter and Begin of the set before returned.
func WithHooks(h Hooks) RunOption {
	return func(s *runSettings) { s.watch.hooks = append(s.watch.hooks, h) }
}

// hook sets the hooks of the run.
func (r *Run) hook(all []Hooks) {
	if len(all) == 0 {
		return
	}
	k := &kernel.Hooks{Selected: true}
	for _, h := range all {
		k.Selected = k.Selected && (h.Selected || h.Begin == nil && h.End == nil && h.Leave == nil)
		r.hookItems(k, h)
	}
	r.hookCalls(k, all)
	r.kernel.SetHooks(k)
}

// contain is deferred where a hook is called: it turns a panic into a fault of the run.
func (r *Run) contain() {
	if p := recover(); p != nil {
		r.kernel.Fail(&hookError{p})
	}
}

// hookItems adds the hooks for items and layers.
func (r *Run) hookItems(k *kernel.Hooks, h Hooks) {
	if h.Enter != nil {
		r.hookEnter(k, h)
	}
	if f, before := h.Change, k.Change; f != nil {
		k.Change = func(c kernel.Change) {
			defer r.contain()
			if before != nil {
				before(c)
			}
			f(Change(c))
		}
	}
	if f, before := h.Fail, k.Fail; f != nil {
		k.Fail = func(fault *fault.Fault) {
			defer r.contain()
			if before != nil {
				before(fault)
			}
			f((*stages.ItemError)(fault))
		}
	}
	if f, before := h.DeadLetter, k.DeadLetter; f != nil {
		k.DeadLetter = func(stage string, fault *fault.Fault) {
			defer r.contain()
			if before != nil {
				before(stage, fault)
			}
			f(stage, (*stages.ItemError)(fault))
		}
	}
}

// hookEnter adds the hooks for items that enter. If several sets have such hooks, the gaps are
// counted here.
func (r *Run) hookEnter(k *kernel.Hooks, h Hooks) {
	root := h.Root
	if root == nil {
		root = h.Enter
	}
	if k.Enter == nil {
		k.Enter, k.Root, k.Gap = r.chain(nil, h.Enter), r.chain(nil, root), h.Gap
		return
	}
	k.Root = r.chain(gapped(k.Root, k.Gap), gapped(root, h.Gap))
	k.Enter, k.Gap = r.chain(k.Enter, h.Enter), nil
}

// chain returns a hook that calls both.
func (r *Run) chain(before, f func(context.Context) context.Context) func(context.Context) context.Context {
	return func(ctx context.Context) (with context.Context) {
		defer r.contain()
		if before != nil {
			if with = before(ctx); with != nil {
				ctx = with
			}
		}
		if next := f(ctx); next != nil {
			with = next
		}
		return with
	}
}

// gapped returns a hook that calls f for one item after each gap.
func gapped(f func(context.Context) context.Context, gap func() int64) func(context.Context) context.Context {
	if gap == nil {
		return f
	}
	var left atomic.Int64
	left.Store(gap())
	return func(ctx context.Context) context.Context {
		if left.Add(-1) >= 0 {
			return nil
		}
		left.Store(gap())
		return f(ctx)
	}
}

// hookCalls adds the hooks for calls.
func (r *Run) hookCalls(k *kernel.Hooks, all []Hooks) {
	var calls []Hooks
	for _, h := range all {
		if h.Begin != nil || h.End != nil || h.Leave != nil {
			calls = append(calls, h)
		}
	}
	switch len(calls) {
	case 0:
		return
	case 1:
		r.hookOne(k, calls[0])
	default:
		r.hookOne(k, joint(calls))
	}
}

func (r *Run) hookOne(k *kernel.Hooks, h Hooks) {
	if h.Begin != nil {
		k.Begin = func(ctx context.Context, c *kernel.Call) context.Context {
			defer r.contain()
			return h.Begin(ctx, (*Call)(c))
		}
	}
	if h.End != nil {
		k.End = func(ctx context.Context, c *kernel.Call, err error, work time.Duration) {
			defer r.contain()
			h.End(ctx, (*Call)(c), err, work)
		}
	}
	if h.Leave != nil {
		k.Leave = func(c *kernel.Call, err error) {
			defer r.contain()
			h.Leave((*Call)(c), err)
		}
	}
}

// joint returns hooks that call several sets of hooks. Each set gets a Call of its own, for its
// state.
func joint(all []Hooks) Hooks {
	return Hooks{
		Begin: func(ctx context.Context, c *Call) context.Context {
			calls, _ := c.State.([]Call)
			if calls == nil {
				calls = make([]Call, len(all))
				c.State = calls
			}
			watched := false
			for i, h := range all {
				own := &calls[i]
				own.Stage, own.Attempt, own.Items, own.Links = c.Stage, c.Attempt, c.Items, c.Links
				if h.Begin == nil {
					own.Watched = true
				} else if with := h.Begin(ctx, own); with != nil {
					ctx, own.Watched = with, true
				}
				watched = watched || own.Watched
			}
			if !watched {
				return nil
			}
			return ctx
		},
		End: func(ctx context.Context, c *Call, err error, work time.Duration) {
			calls, _ := c.State.([]Call)
			for i := range calls {
				if all[i].End != nil && calls[i].Watched {
					all[i].End(ctx, &calls[i], err, work)
				}
			}
		},
		Leave: func(c *Call, err error) {
			calls, _ := c.State.([]Call)
			for i := range calls {
				if all[i].Leave != nil && calls[i].Watched {
					all[i].Leave(&calls[i], err)
				}
			}
		},
	}
}

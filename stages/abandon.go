package stages

import (
	"context"
	"errors"
	"reflect"
	"runtime"
	"strings"
)

// ErrAbandoned is the failure of an item whose function had not returned when
// the run went on without it. It comes together with [ErrAborted].
var ErrAbandoned = errors.New("stages: function has not returned")

// Detach has the functions of the run called so that the run can end without
// them: see [Runtime.Abandon]. It must be called before anything is started.
func (rt *Runtime) Detach() {
	rt.abandoned = make(chan struct{})
	for _, n := range rt.nodes {
		n.abandoned = make(chan struct{})
	}
}

// Abandon leaves all calls behind that are at work in an aborted run of which
// [Runtime.Detach] was called: their items fail with [ErrAbandoned], and
// everything but the goroutines of these calls goes on to the end. It returns at
// once and must be called once at most.
func (rt *Runtime) Abandon() { close(rt.abandoned) }

// AbandonStuck leaves those sources, stages and sinks behind of an aborted run
// that keep it from ending: they could go on, and have not. It must be called
// again as long as the run has not ended: what is held up by one of them is not
// stuck itself. It is not safe for concurrent use.
func (rt *Runtime) AbandonStuck() {
	for _, n := range rt.nodes {
		if !n.ended.Load() && !n.left.Load() && !n.inPlace.Load() && n.stuck() {
			n.left.Store(true)
			close(n.abandoned)
		}
	}
}

// stuck reports whether the node does not go on although it could, in a run that
// is aborted and has had time: it does not wait for room, and it has all that it
// will get, or more than it takes.
func (n *Node) stuck() bool {
	for _, out := range n.outs {
		if crowded(out.edge) {
			return false
		}
	}
	all := true
	for _, in := range n.ins {
		if crowded(in.edge) {
			return true
		}
		all = all && in.from.ended.Load()
	}
	return all
}

// detached returns f, or where the run shall be able to end without it, a
// function that calls f from a goroutine of its own.
func detached[I, O any](rt *Runtime, node *Node, f func(context.Context, I) (O, error)) func(context.Context, I) (O, error) {
	node.serve(f)
	if rt.abandoned == nil {
		return f
	}
	return func(ctx context.Context, v I) (none O, _ error) {
		out := new(O) // a call that is left behind may still write here
		left, err := callApart(rt, node, func() (err error) {
			*out, err = f(ctx, v)
			return err
		})
		if left {
			return none, err
		}
		return *out, err
	}
}

// callApart makes a call in a goroutine of its own. It reports whether it left it behind.
func callApart(rt *Runtime, node *Node, call func() error) (left bool, _ error) {
	done := make(chan error, 1)
	go func() {
		err := ErrGoexit
		defer func() { done <- err }() // also where the call ends the goroutine
		_, err = protect(node, func() (struct{}, error) { return struct{}{}, call() })
	}()
	select {
	case err := <-done:
		return false, err
	case <-rt.abandoned:
		node.leftCalls.Add(1)
		return true, errors.Join(rt.abortError(), ErrAbandoned)
	}
}

// attend runs a source, stage or sink. It reports whether it left it behind.
func (n *Node) attend(run func() error) (left bool, err error) {
	if n.abandoned == nil || n.inPlace.Load() {
		return false, run()
	}
	done := make(chan error, 1)
	go func() {
		err := ErrGoexit
		defer func() { // also where user code ends the goroutine
			if err == ErrGoexit && n.outlived { //nolint:errorlint // our own value, as it is
				err = n.verdict
			}
			done <- err
		}()
		_, err = protect(n, func() (struct{}, error) { return struct{}{}, run() })
	}()
	select {
	case err := <-done:
		return false, err
	case <-n.abandoned:
		return true, ErrAbandoned
	}
}

// relief is an inlet that empties the edge in place of one whose owner is stuck.
// An edge bears a second receiver; what the first has in hand stays there.
func (in *Inlet[T]) relief() finisher {
	return &Inlet[T]{rt: in.rt, node: in.node, edge: in.edge, joint: in.joint, bypass: in.bypass}
}

func (all inlets) relief() finisher {
	var fresh inlets
	for _, in := range all {
		fresh = append(fresh, in.relief())
	}
	return fresh
}

func (nothing) relief() finisher { return nothing{} }

// finisher is what a stage leaves to be accounted for.
type finisher interface {
	finish(error)
	relief() finisher
}

// seal closes the node's account: what it had taken and is stuck with has failed.
func (n *Node) seal() {
	l := n.Ledger()
	l.Failed += l.Balance()
	n.sealed.Store(&l)
}

// serve makes the function known that the node calls, or what it is.
func (n *Node) serve(f any) {
	name := strings.TrimPrefix(reflect.TypeOf(f).String(), "*")
	if v := reflect.ValueOf(f); v.Kind() == reflect.Func && !v.IsNil() {
		name = runtime.FuncForPC(v.Pointer()).Name()
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.function = name
}

// Function returns the name of the function that the node's stage calls, or of
// the stage's type where it has none, or has not begun yet.
func (n *Node) Function() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.function
}

// Calls returns from how many goroutines the node's function is called at this
// moment. It is 0 for stages of other packages, whose functions nobody knows.
func (n *Node) Calls() int { return int(n.calls.Load()) }

// Ended reports whether the node's source, stage or sink has returned, and all
// that arrived is accounted for.
func (n *Node) Ended() bool { return n.ended.Load() }

// Blocked reports whether the node waits for room below.
func (n *Node) Blocked() bool {
	for _, out := range n.outs {
		if crowded(out.edge) {
			return true
		}
	}
	return false
}

// Left returns how many calls of the node's function were left behind, and
// whether its source, stage or sink was.
func (n *Node) Left() (calls int, stage bool) { return int(n.leftCalls.Load()), n.left.Load() }

package flow

import "errors"

// DefaultName is the name of a run that was given none.
const DefaultName = "flow"

// Named gives the run a name: in its status, its metrics, its log lines and the labels of its
// goroutines. Flows of one process should have different names. The default is [DefaultName].
func Named(name string) RunOption {
	return func(s *runSettings) {
		if name == "" {
			s.faults = append(s.faults, errors.New("name of the run is empty"))
			return
		}
		s.name = name
	}
}

// OnStart calls f with the run before any of its goroutines is started, in the goroutine that
// starts it. It works for every way to start a run: [Graph.Run], [Graph.Start],
// [Stream.Results], [Stream.Collect], [Serve]. Use it to give the run to a page, a collector or
// a control. f may call every method of the run but [Run.Wait]. If several are set, they are
// called in order.
//
//	report, err := graph.Run(ctx, flow.OnStart(func(r *flow.Run) { mux.Handle("/", probe.Handler(r)) }))
func OnStart(f func(*Run)) RunOption {
	return func(s *runSettings) {
		if f == nil {
			s.faults = append(s.faults, errors.New("the function of OnStart is nil"))
			return
		}
		s.onStart = append(s.onStart, f)
	}
}

// Name returns the name of the run; see [Named].
func (r *Run) Name() string { return r.name }

// Done returns a channel that is closed when the run has ended. [Run.Wait] may return later,
// because it also waits for the goroutines of [Run.Watch].
func (r *Run) Done() <-chan struct{} { return r.ended }

// announce calls the functions that [OnStart] has set. If one of them panics, the run does not
// start.
func (r *Run) announce(all []func(*Run)) {
	started := false
	defer func() {
		if !started {
			r.kernel.Close()
		}
	}()
	for _, f := range all {
		f(r)
	}
	started = true
}

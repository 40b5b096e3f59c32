package flow

import "context"

// follow calls the hooks for the run as a whole. It returns when the run has ended.
func (r *Run) follow(all []Hooks) {
	select {
	case <-r.kernel.Intake.Done():
	case <-r.ended:
	}
	if r.kernel.Stopping() && !r.kernel.Aborted() {
		r.each(all, func(h Hooks) {
			if h.Stop != nil {
				h.Stop(r)
			}
		})
	}
	select {
	case <-r.kernel.Ctx.Done():
	case <-r.ended:
	}
	if r.kernel.Aborted() {
		cause := context.Cause(r.kernel.Ctx)
		r.each(all, func(h Hooks) {
			if h.Abort != nil {
				h.Abort(r, cause)
			}
		})
	}
	<-r.ended
	r.each(all, func(h Hooks) {
		if h.Finish != nil {
			h.Finish(r, r.report, r.err)
		}
	})
}

func (r *Run) each(all []Hooks, call func(Hooks)) {
	for _, h := range all {
		func() {
			defer r.contain()
			call(h)
		}()
	}
}

// follows reports whether any hook is for the run as a whole.
func follows(all []Hooks) bool {
	for _, h := range all {
		if h.Stop != nil || h.Abort != nil || h.Finish != nil {
			return true
		}
	}
	return false
}

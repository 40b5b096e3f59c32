package flow

// Watch calls f in a goroutine of the run, for code that looks at the run from outside, such as
// a page or a log. f must return soon after done is closed, which is when all stages have
// ended: [Run.Wait] waits for f, and f must not call Wait. Watch returns at once. If the run
// has ended, Watch returns false and f is not called.
func (r *Run) Watch(f func(done <-chan struct{})) bool {
	r.watching.Lock()
	defer r.watching.Unlock()
	select {
	case <-r.ended:
		return false
	default:
	}
	r.watch.Go(func() { f(r.ended) })
	return true
}

// end closes ended.
//
// Ordering: end holds the lock of Watch. So no goroutine is added to watch while Wait waits for the
// last one.
func (r *Run) end() {
	r.watching.Lock()
	defer r.watching.Unlock()
	close(r.ended)
}

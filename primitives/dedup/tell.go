package dedup

import "runtime/debug"

// User code is called without a lock. It may leave without returning, by a panic or by
// runtime.Goexit. Then its caller first does what is left to do, and the panic or Goexit continues.

// left returns the error for user code that has left without returning. p is what
// recover has returned: only that tells a panic from Goexit. It is called by the
// deferred function itself, when the stack is still that of the panic.
func (d *Dedup[K, V]) left(p any) error {
	if p == nil {
		return d.named(ErrGoexit)
	}
	return &PanicError{Name: d.policy.name, Value: p, Stack: debug.Stack()}
}

// tell tells all followers the result of a flight that has ended.
func (d *Dedup[K, V]) tell(l landing[V], v V, err error) {
	if l.result != nil {
		l.result.value, l.result.err = v, err
		close(l.result.done)
	}
	if err == nil && d.clone != nil {
		d.tellCopies(l.followers, v)
		return
	}
	tellAll(l.followers, v, err)
}

// tellAll continues with the next follower if one leaves.
func tellAll[V any](followers []Follower[V], v V, err error) {
	i := 0
	defer func() {
		if i < len(followers) {
			tellAll(followers[i+1:], v, err)
		}
	}()
	for ; i < len(followers); i++ {
		followers[i].Done(v, err)
	}
}

// tellCopies is tellAll with a copy for each follower. If a copy cannot be made, the follower gets
// that error.
func (d *Dedup[K, V]) tellCopies(followers []Follower[V], v V) {
	i, copied := 0, false
	defer func() {
		if i == len(followers) {
			return
		}
		defer d.tellCopies(followers[i+1:], v)
		if copied {
			return // the follower has left
		}
		p := recover()
		if p != nil {
			defer panic(p)
		}
		var zero V
		followers[i].Done(zero, d.left(p))
	}()
	for ; i < len(followers); i++ {
		copied = false
		own := d.clone(v)
		copied = true
		followers[i].Done(own, nil)
	}
}

// copyAll gives the caller copies of the values that were found. A check whose copy
// cannot be made is Invalid, and if it is a renewal it ends.
func (d *Dedup[K, V]) copyAll(checks []Check[V]) {
	i := 0
	defer func() {
		if i == len(checks) {
			return
		}
		defer d.copyAll(checks[i+1:])
		p := recover()
		if p != nil {
			defer panic(p)
		}
		renewal := checks[i].Token
		checks[i] = Check[V]{Err: d.left(p)}
		d.finish(renewal, &ending[V]{err: checks[i].Err})
	}()
	for ; i < len(checks); i++ {
		if c := &checks[i]; c.State == Stale || c.State == Cached && c.Err == nil {
			c.Value = d.clone(c.Value)
		}
	}
}

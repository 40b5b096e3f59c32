package dedup

// Hooks are what a [Dedup] asks about its values, as an argument of [New]. All
// may be nil. They are called without a lock, by many goroutines at once, and
// may use the deduplicator.
type Hooks[V any] struct {
	// Clone copies a value, where callers must not share what it points to. The
	// leader gets what its function returned; a clone of that is kept, and each
	// other caller gets a clone of the clone. So nobody can change what another
	// one sees. A panic of Clone is as one of the function.
	Clone func(V) V
	// Weigh returns what a value weighs, in units of the policy's [MaxWeight];
	// below 0 counts as 0. It is called once for each value to be kept.
	Weigh func(V) int64
}

// share returns what a caller gets who did not make v itself.
func (d *Dedup[K, V]) share(v V) V {
	if d.clone == nil {
		return v
	}
	return d.clone(v)
}

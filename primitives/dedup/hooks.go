package dedup

// Hooks tell a [Dedup] about its values. They are an argument of [New] and [Of]. All may
// be nil. They are called without a lock, by many goroutines at once, and may use the
// deduplicator.
type Hooks[V any] struct {
	// Clone copies a value, for callers that must not share what it points to. The
	// leader gets what its function returned. A clone of that is kept, and each other
	// caller gets a clone of the clone. So no caller can change what another one sees. A
	// panic of Clone counts as a panic of the function.
	Clone func(V) V
	// Weigh returns the weight of a value, in units of the policy's [MaxWeight]. Below 0
	// counts as 0. It is called once for each value before it is kept.
	Weigh func(V) int64
}

// share returns the value for a caller that did not make v itself.
func (d *Dedup[K, V]) share(v V) V {
	if d.clone == nil {
		return v
	}
	return d.clone(v)
}

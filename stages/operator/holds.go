package operator

// This file has the operators that implement [stages.Holder]. The other operators, such as FlatMap,
// Window, Reduce and Join, can make many items of one, or cannot tell how many items they wait for.

// Holds implements [stages.Holder]. A delay or a weight can complete a batch earlier.
func (b *batcher[T]) Holds() int {
	if b.d > 0 || b.settings.Weigh != nil {
		return 1
	}
	return b.n
}

// Holds implements [stages.Holder].
func (s *mapBatch[I, O]) Holds() int { return s.settings.Holds() }

// single is embedded by stages that send on at most one item for each item, and wait for no other.
type single struct{}

// Holds implements [stages.Holder].
func (single) Holds() int { return 1 }

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

// Holds implements [stages.Holder].
func (*mapper[I, O]) Holds() int { return 1 }

// Holds implements [stages.Holder].
func (*laner[I, O, K]) Holds() int { return 1 }

// Holds implements [stages.Holder].
func (*scanner[T, A]) Holds() int { return 1 }

// Holds implements [stages.Holder].
func (*skipper[T]) Holds() int { return 1 }

// Holds implements [stages.Holder].
func (*taker[T]) Holds() int { return 1 }

// Holds implements [stages.Holder].
func (*distinct[T, K]) Holds() int { return 1 }

// Holds implements [stages.Holder].
func (*throttler[T]) Holds() int { return 1 }

// Holds implements [stages.Holder].
func (*delayer[T]) Holds() int { return 1 }

// Holds implements [stages.Holder].
func (*debouncer[T]) Holds() int { return 1 }

// Holds implements [stages.Holder].
func (*onError[T]) Holds() int { return 1 }

// Holds implements [stages.Holder].
func (*deadLetter[T]) Holds() int { return 1 }

// Holds implements [stages.Holder].
func (*deadliner[T]) Holds() int { return 1 }

// Holds implements [stages.Holder].
func (*rememberer[T]) Holds() int { return 1 }

// Holds implements [stages.Holder].
func (*overflow[T]) Holds() int { return 1 }

// Holds implements [stages.Holder].
func (*broadcaster[T]) Holds() int { return 1 }

// Holds implements [stages.Holder].
func (*balancer[T]) Holds() int { return 1 }

// Holds implements [stages.Holder].
func (*partitioner[T]) Holds() int { return 1 }

// Holds implements [stages.Holder].
func (*merger[T]) Holds() int { return 1 }

// Holds implements [stages.Holder].
func (*concatenator[T]) Holds() int { return 1 }

// Holds implements [stages.Holder].
func (*zipper[A, B, O]) Holds() int { return 1 }

package operator

// What the operators say of themselves as a [stages.Holder]. Those that are not here, such as
// FlatMap, Window, Reduce and Join, can make many items of one, or cannot tell how many they
// wait for.

// Holds implements [stages.Holder]: a delay or a weight can fill a batch before.
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

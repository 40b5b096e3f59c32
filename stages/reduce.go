package stages

import "context"

// Reduce folds all items into one value, and sends that on when the stream has
// ended, also by a drain. It begins with initial, which is the result where no
// item came.
//
//	in:   --1--2--3--4--|
//	f:      (sum, x) => sum+x, from 0
//	out:  ---------------10-|
//
// An error of f, or a panic, fails the item and leaves the result as it was;
// [ErrDrop] drops it. The result carries the timings of the first item, and what
// all owe to their sources; the others count as folded. Where the flow is
// aborted there is no result: it fails. Each run begins with initial anew, and
// shares with the others what a map, slice or pointer in it leads to.
func Reduce[T, A any](initial A, f func(ctx context.Context, result A, v T) (A, error)) Stage[T, A] {
	return &reducer[T, A]{initial, f}
}

type reducer[T, A any] struct {
	initial A
	f       func(context.Context, A, T) (A, error)
}

func (r *reducer[T, A]) Validate() error { return needs(r.f == nil, "function is nil") }

func (r *reducer[T, A]) Run(_ context.Context, in *Inlet[T], out *Outlet[A]) error {
	in.books = new(books)
	defer func() { settleBooks(in); in.books = nil }()
	result, held := r.initial, false
	var first Item[T] // owes what all that is in the result does
	cause := ErrGoexit
	defer func() {
		if held {
			in.Fail(first, cause)
		}
	}()
	var last int64 // when the work on the item before ended
	return outlive(in.node, func() error {
		for {
			busy := pending(in)
			it, ok := in.Next()
			if !ok {
				break
			}
			if !busy {
				last = in.rt.stamp()
			}
			next, err := r.step(in, it, result)
			end := in.rt.stamp()
			in.books.work += end - last
			in.books.longest = max(in.books.longest, end-last)
			last = end
			switch {
			case err != nil:
				reject(in, it, err)
				continue
			case held:
				in.Fold(it, &first)
			default:
				first, held = it, true
				in.books.attempts = max(in.books.attempts-1, 0) // it is counted as the result leaves
			}
			result = next
		}
		switch {
		case in.rt.ctx.Err() != nil:
			cause = in.rt.abortError()
		case held:
			held = false
			sendLate(out, first.With(result))
		default:
			out.Emit(result)
		}
		return nil
	})
}

// step calls the function for one item.
func (r *reducer[T, A]) step(in *Inlet[T], it Item[T], result A) (A, error) {
	l := it.trail.bounds()
	if late := l.over(in.rt); late != nil {
		return result, late
	}
	if in.rt.timed {
		in.books.attempts++
	}
	return protectOr(in.node, func() (A, error) {
		if !l.bounded() {
			return r.f(in.rt.ctx, result, it.Value)
		}
		return timely(in.rt, l, func(ctx context.Context, v T) (A, error) { return r.f(ctx, result, v) }, it.Value)
	}, func() { in.Fail(it, ErrGoexit) })
}

// reject accounts for an item as what the error of its function says: dropped,
// expired or failed.
func reject[T any](in *Inlet[T], it Item[T], err error) {
	switch {
	case isDrop(err):
		in.Drop(it)
	case isExpired(err):
		in.node.expired.Add(1)
		passBy(in, in.rt.newItemError(in.node, err, 0, it.Value, it.trail), it.trail)
	default:
		in.Fail(it, err)
	}
}

package stages

import (
	"context"
	"errors"
	"math"
	"time"
)

// MaxJoin is how many items a [Join] keeps of each inlet; beyond that the
// oldest leaves before its time.
const MaxJoin = 1 << 16

// Join joins each item of one inlet with each of the other that has the same
// key and arrives less than d before or after it.
//
//	a:    --a1-----b1---c1-------->
//	b:    -----b2--------a2--b3--->
//	key:    the letter
//	out:  ---------b1b2------b1b3->   a2 came too late for a1
//
// An item leaves when d has passed: as folded where it was part of a pair, as
// filtered where it was not. Pairs carry the lineage of both; a source that
// waits for an item hears when all its pairs are done and none can come.
func Join[A, B any, K comparable, O any](d time.Duration, keyA func(A) K, keyB func(B) K, join func(A, B) O) Pairing[A, B, O] {
	return &joiner[A, B, K, O]{d, keyA, keyB, join}
}

type joiner[A, B any, K comparable, O any] struct {
	d    time.Duration
	keyA func(A) K
	keyB func(B) K
	join func(A, B) O
}

func (j *joiner[A, B, K, O]) Validate() error {
	return errors.Join(
		needs(j.d <= 0, "join window must be positive"),
		needs(j.keyA == nil || j.keyB == nil, "key function is nil"),
		needs(j.join == nil, "join function is nil"))
}

func (j *joiner[A, B, K, O]) Run(_ context.Context, a *Inlet[A], b *Inlet[B], out *Outlet[O]) error {
	left, right := newSide(a, j.keyA), newSide(b, j.keyB)
	timer := newStoppedTimer()
	defer func() {
		timer.Stop()
		left.expire(math.MaxInt64)
		right.expire(math.MaxInt64)
	}()
	var x *mate[A] // what came last, and whom to pair it with
	var y *mate[B]
	var xs []*mate[A]
	var ys []*mate[B]
	return outlive(a.node, func() error {
		for {
			for len(ys) > 0 {
				mate := ys[0]
				ys = ys[1:]
				couple(x, mate, out, j.join)
			}
			for len(xs) > 0 {
				mate := xs[0]
				xs = xs[1:]
				couple(mate, y, out, j.join)
			}
			it, other, from := Either(a, b, timer.C)
			now := a.rt.now()
			left.expire(now - int64(j.d))
			right.expire(now - int64(j.d))
			switch from {
			case Left:
				if k, ok := left.keep(it, now); ok {
					x, ys = left.last(k), right.held[k]
				}
			case Right:
				if k, ok := right.keep(other, now); ok {
					y, xs = right.last(k), left.held[k]
				}
			case Neither:
				return nil
			}
			if first := min(left.oldest(), right.oldest()); first < math.MaxInt64 {
				timer.Reset(time.Duration(first + int64(j.d) - now))
			}
		}
	})
}

// couple sends on the pair of x and y.
func couple[A, B, O any](x *mate[A], y *mate[B], out *Outlet[O], join func(A, B) O) {
	x.paired, y.paired = true, true
	out.mu.Lock()
	t := out.mint.child(x.trail)
	out.mu.Unlock()
	if t == nil && y.trail != nil {
		t = out.mint.child(y.trail)
	} else if y.trail != nil {
		t.share(y.trail)
	}
	out.node.derived.Add(1)
	fail := func(err error) {
		out.node.failed.Add(1)
		out.pass(out.rt.newItemError(out.node, err, 1, x.Value, t), t)
	}
	v, err := protectOr(out.node, func() (O, error) { return join(x.Value, y.Value), nil }, func() { fail(ErrGoexit) })
	if err != nil {
		fail(err)
		return
	}
	if t != nil {
		t.began = out.rt.now()
	}
	out.Send(Item[O]{Value: v, trail: t})
}

// mate is an item that waits for others of its key.
type mate[T any] struct {
	Item[T]
	came   int64
	paired bool
}

// side is what a Join keeps of one inlet.
type side[T any, K comparable] struct {
	in    *Inlet[T]
	key   func(T) K
	held  map[K][]*mate[T]
	order []keyed[K] // the keys of what is held, oldest first
	first int
}

type keyed[K comparable] struct {
	key  K
	came int64
}

func newSide[T any, K comparable](in *Inlet[T], key func(T) K) *side[T, K] {
	return &side[T, K]{in: in, key: key, held: map[K][]*mate[T]{}}
}

// keep holds an item; one whose key function panics fails.
func (s *side[T, K]) keep(it Item[T], now int64) (K, bool) {
	k, err := protectOr(s.in.node, func() (K, error) { return s.key(it.Value), nil }, func() { s.in.Fail(it, ErrGoexit) })
	if err != nil {
		s.in.Fail(it, err)
		return k, false
	}
	if len(s.order)-s.first == MaxJoin {
		s.drop()
	}
	s.held[k] = append(s.held[k], &mate[T]{Item: it, came: now})
	s.order = append(s.order, keyed[K]{k, now})
	return k, true
}

// last returns the item of this key that came last.
func (s *side[T, K]) last(k K) *mate[T] { return s.held[k][len(s.held[k])-1] }

// oldest returns when the oldest item came, the end of time where there is none.
func (s *side[T, K]) oldest() int64 {
	if s.first == len(s.order) {
		return math.MaxInt64
	}
	return s.order[s.first].came
}

// expire lets go of what came at or before then.
func (s *side[T, K]) expire(then int64) {
	for s.first < len(s.order) && s.order[s.first].came <= then {
		s.drop()
	}
}

// drop lets go of the oldest item.
func (s *side[T, K]) drop() {
	k := s.order[s.first].key
	mates := s.held[k]
	m := mates[0]
	if mates[0] = nil; len(mates) == 1 {
		delete(s.held, k)
	} else {
		s.held[k] = mates[1:]
	}
	if m.paired {
		s.in.node.folded.Add(1)
		m.trail.release()
	} else {
		s.in.Drop(m.Item)
	}
	if s.first++; s.first == len(s.order) {
		s.order, s.first = s.order[:0], 0
	} else if s.first > batchSize && 2*s.first > len(s.order) {
		s.order, s.first = s.order[:copy(s.order, s.order[s.first:])], 0
	}
}

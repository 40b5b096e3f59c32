package stages

import (
	"context"
	"fmt"
	"hash/maphash"
)

// Partition sends each item to the outlet whose number lane returns, from 0.
//
//	in:     --1--2--3--4-->
//	lane:     x => x % 2
//	out 0:  -----2-----4-->
//	out 1:  --1-----3----->
//
// A number that no outlet has, or a panic, fails the item, which leaves by
// outlet 0. A full branch makes all wait. See [ByKey] to spread items by a key.
func Partition[T any](lane func(T) int) FanOut[T] { return partitioner[T]{lane} }

// ByKey is a lane function that spreads the keys evenly over n lanes; items of
// equal keys go to the same one. Which one that is differs from process to
// process, so that nobody can choose keys that all meet in one lane.
func ByKey[T any, K comparable](n int, key func(T) K) func(T) int {
	seed := maphash.MakeSeed()
	return func(v T) int { return int(maphash.Comparable(seed, key(v)) % uint64(max(n, 1))) }
}

type partitioner[T any] struct{ lane func(T) int }

func (p partitioner[T]) Validate() error { return needs(p.lane == nil, "lane function is nil") }

func (p partitioner[T]) Run(_ context.Context, in *Inlet[T], outs []*Outlet[T]) error {
	lots := make([]lot[T], len(outs))
	for {
		group := in.group(batchSize)
		if group == nil {
			return nil
		}
		books := openFan(in, group)
		for done := 0; done < len(group); {
			done = p.sort(&books, group, done, lots, outs)
		}
		books.close()
		sendLots(lots, outs)
	}
}

// sort puts the items of the group from the done-th on into their lots, up to
// one whose lane function panics, and returns how many are done.
func (p partitioner[T]) sort(books *fan[T], group []Item[T], done int, lots []lot[T], outs []*Outlet[T]) (n int) {
	n = done
	finished := false
	defer func() {
		if finished {
			return
		}
		err := caught(books.in.node.name, recover())
		lots[0].add(books.fail(&group[n], err))
		if n++; err == ErrGoexit { //nolint:errorlint // our own value, as it is
			for ; n < len(group); n++ {
				lots[0].add(books.fail(&group[n], err))
			}
			books.close()
			sendLots(lots, outs)
		}
	}()
	for ; n < len(group); n++ {
		it := &group[n]
		if it.failed() || books.aborted {
			books.passes(it)
			lots[0].add(*it)
			continue
		}
		lane := p.lane(it.Value)
		if lane < 0 || lane >= len(lots) {
			lots[0].add(books.fail(it, fmt.Errorf("lane %d of %d", lane, len(lots))))
			continue
		}
		books.passes(it)
		lots[lane].add(*it)
	}
	finished = true
	return n
}

// fail books a healthy item as failed and returns it as that; one that has
// failed before is returned as it is.
func (f *fan[T]) fail(it *Item[T], err error) Item[T] {
	if !it.failed() {
		f.tally.in++
		f.failed++
		it.fault = f.in.rt.newItemError(f.in.node, err, 1, it.Value, it.trail)
	}
	return *it
}

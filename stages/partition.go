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
func Partition[T any](lane func(T) int) FanOut[T] { return &partitioner[T]{lane} }

// ByKey is a lane function that spreads the keys evenly over n lanes; items of
// equal keys go to the same one. Which one that is differs from process to
// process, so that nobody can choose keys that all meet in one lane.
func ByKey[T any, K comparable](n int, key func(T) K) func(T) int {
	seed := maphash.MakeSeed()
	return func(v T) int { return int(maphash.Comparable(seed, key(v)) % uint64(max(n, 1))) }
}

type partitioner[T any] struct{ lane func(T) int }

func (p *partitioner[T]) Validate() error { return needs(p.lane == nil, "lane function is nil") }

func (p *partitioner[T]) Run(_ context.Context, in *Inlet[T], outs []*Outlet[T]) error {
	lots := make([]lot[T], len(outs))
	var group []Item[T] // the first of which are done
	var books fan[T]
	done := 0
	return outlive(in.node, func() error {
		for {
			if group == nil {
				if group, done = in.group(batchSize), 0; group == nil {
					return nil
				}
				books = openFan(in, group)
			}
			for done < len(group) {
				sortInto(p.lane, &books, group, &done, lots)
			}
			group = nil
			closeBooks(&books)
			sendLots(lots, outs)
		}
	})
}

// sortInto puts the items of the group that are not done into their lots, up to one
// whose lane function panics or ends the goroutine, which fails.
func sortInto[T any](laneOf func(T) int, books *fan[T], group []Item[T], done *int, lots []lot[T]) {
	n := *done
	finished := false
	defer func() {
		if !finished {
			addTo(&lots[0], failAt(books, &group[n], caught(books.in.node.name, recover())))
			n++
		}
		*done = n
	}()
	for ; n < len(group); n++ {
		it := &group[n]
		if it.failed() || books.aborted {
			passes(books, it)
			addTo(&lots[0], *it)
			continue
		}
		lane := laneOf(it.Value)
		if lane < 0 || lane >= len(lots) {
			addTo(&lots[0], failAt(books, it, fmt.Errorf("lane %d of %d", lane, len(lots))))
			continue
		}
		passes(books, it)
		addTo(&lots[lane], *it)
	}
	finished = true
}

// failAt books a healthy item as failed and returns it as that; one that has
// failed before is returned as it is.
func failAt[T any](f *fan[T], it *Item[T], err error) Item[T] {
	if !it.failed() {
		f.tally.in++
		f.tally.failed++
		it.fault = f.in.rt.newItemError(f.in.node, err, 1, it.Value, it.trail)
	}
	return *it
}

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
				p.sort(&books, group, &done, lots)
			}
			group = nil
			books.close()
			sendLots(lots, outs)
		}
	})
}

// sort puts the items of the group that are not done into their lots, up to one
// whose lane function panics or ends the goroutine, which fails.
func (p partitioner[T]) sort(books *fan[T], group []Item[T], done *int, lots []lot[T]) {
	n := *done
	finished := false
	defer func() {
		if !finished {
			lots[0].add(books.fail(&group[n], caught(books.in.node.name, recover())))
			n++
		}
		*done = n
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

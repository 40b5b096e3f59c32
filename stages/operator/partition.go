package operator

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"

	"github.com/weir-go/weir/internal/handoff"
	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/internal/typed"
	"github.com/weir-go/weir/stages"
)

// Partition sends each item to the outlet whose number lane returns, from 0.
//
//	in:     --1--2--3--4-->
//	lane:     x => x % 2
//	out 0:  -----2-----4-->
//	out 1:  --1-----3----->
//
// A number that no outlet has, or a panic, fails the item, which leaves by outlet 0. A full
// branch makes all wait. See [ByKey] to spread items by a key.
func Partition[T any](lane func(T) int) stages.FanOut[T] { return &partitioner[T]{lane: lane} }

// ByKey returns a lane function for [Partition] that spreads the keys evenly over n lanes.
// Items of equal keys go to the same lane, which differs from process to process: so no sender
// can choose keys that all meet in one lane. A key that cannot be hashed, or that is not equal
// to itself, fails the item.
func ByKey[T any, K comparable](n int, key func(T) K) func(T) int {
	if key == nil {
		return nil // which Partition reports
	}
	seed := maphash.MakeSeed()
	return func(v T) int {
		k := key(v)
		if err := typed.CheckKey(k); err != nil {
			panic(err)
		}
		return int(maphash.Comparable(seed, k) % uint64(max(n, 1)))
	}
}

type partitioner[T any] struct {
	single
	lane func(T) int
}

// Validate implements [stages.Validator].
func (p *partitioner[T]) Validate() error {
	if p.lane == nil {
		return errors.New("lane function is nil")
	}
	return nil
}

func (p *partitioner[T]) Run(_ context.Context, in *stages.Inlet[T], outs []*stages.Outlet[T]) error {
	s := sorter{fan: fanOf(in, outs), lanes: len(outs), laneOf: func(b *handoff.Batch, i int) int { return p.lane(typed.Values[T](b)[i]) }}
	for {
		from, to, ok := s.fan.Take()
		if !ok {
			return nil
		}
		for from < to {
			from = s.fan.In.Visit(from, to, s.assign, s.fail)
		}
		s.fan.Flush()
	}
}

// sorter sorts items by lane.
type sorter struct {
	fan    *kernel.Fan
	lanes  int
	laneOf func(b *handoff.Batch, i int) int
}

// assign puts the item at place i into its lane.
func (s *sorter) assign(i int) error {
	lane := 0 // for items that failed before
	if s.fan.In.Healthy(i) {
		if lane = s.laneOf(s.fan.In.B, i); lane < 0 || lane >= s.lanes {
			return fmt.Errorf("lane %d of %d", lane, s.lanes)
		}
	}
	s.fan.Assign(lane, kernel.One(i))
	return nil
}

// fail fails the item at place i, after the items before it were sent.
func (s *sorter) fail(i int, err error, attempts int) {
	if s.fan.In.Healthy(i) {
		s.fan.Fail(i, err, attempts)
		return
	}
	s.fan.Assign(0, kernel.One(i))
	s.fan.Flush()
}

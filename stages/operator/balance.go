package operator

import (
	"context"

	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/stages"
)

// Balance sends each item to one outlet, the one with the most room, so that the branches
// share the work according to their speed.
//
//	in:   --1--2--3--4-->
//	out:  --1-----3----->
//	out:  -----2-----4-->
//
// It waits only when all branches are full. If the branches do the same thing, the option
// [stages.Workers] of one stage is simpler, and keeps the order.
func Balance[T any]() stages.FanOut[T] { return &balancer[T]{} }

type balancer[T any] struct{ single }

func (*balancer[T]) Run(_ context.Context, in *stages.Inlet[T], outs []*stages.Outlet[T]) error {
	s := scales{fan: fanOf(in, outs), outs: outletsOf(outs), room: make([]int, len(outs))}
	kernel.ShareRoom(s.outs)
	for {
		from, to, ok := s.fan.Take()
		if !ok {
			return nil
		}
		s.deal(from, to)
	}
}

// scales distributes items to the outlets that have room.
type scales struct {
	fan  *kernel.Fan
	outs []*kernel.Outlet
	room []int // of each outlet
}

// deal sends the items from from up to to. Each healthy item goes to the outlet with the most room.
// A failed item leaves by the first outlet.
func (s *scales) deal(from, to int) {
	for {
		s.weigh()
		for ; from < to; from++ {
			out := 0
			if s.fan.In.Healthy(from) {
				if out = s.roomiest(); s.room[out] == 0 {
					break
				}
			}
			s.room[out]--
			s.fan.Assign(out, kernel.One(from))
		}
		s.fan.Flush()
		if from == to {
			return
		}
		kernel.WaitRoom(s.wanted())
	}
}

// roomiest returns the outlet with the most room, the first of equals.
func (s *scales) roomiest() (best int) {
	for o := range s.room {
		if s.room[o] > s.room[best] {
			best = o
		}
	}
	return best
}

// weigh reads how much room each outlet has. An unwanted outlet counts as full, unless all are
// unwanted.
func (s *scales) weigh() {
	wanted := len(s.wanted()) < len(s.outs)
	for o, out := range s.outs {
		s.room[o] = out.Room()
		if wanted && out.Unwanted() {
			s.room[o] = 0
		}
	}
}

// wanted returns the outlets below which a stage wants more items, or all outlets if there are
// none.
func (s *scales) wanted() []*kernel.Outlet {
	for _, out := range s.outs {
		if out.Unwanted() {
			return s.someWanted()
		}
	}
	return s.outs
}

func (s *scales) someWanted() (some []*kernel.Outlet) {
	for _, out := range s.outs {
		if !out.Unwanted() {
			some = append(some, out)
		}
	}
	if some == nil {
		return s.outs
	}
	return some
}

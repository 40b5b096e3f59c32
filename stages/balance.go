package stages

import "context"

// Balance sends each item to one outlet, the one with the fewest items before
// it, so that the branches share the work according to their speed.
//
//	in:   --1--2--3--4-->
//	out:  --1-----3----->
//	out:  -----2-----4-->
//
// It waits only when all branches are full. Where the branches do the same
// thing, the option [Workers] of one stage is simpler, and keeps the order.
func Balance[T any]() FanOut[T] { return &balancer[T]{} }

type balancer[T any] struct{}

func (*balancer[T]) Run(_ context.Context, in *Inlet[T], outs []*Outlet[T]) error {
	b := scales[T]{outs: outs, lots: make([]lot[T], len(outs)), room: make([]int, len(outs)), wake: make(chan struct{}, 1)}
	for _, out := range outs {
		shareRoom(&out.edge.level, b.wake)
	}
	for {
		group := in.group(batchSize)
		if group == nil {
			return nil
		}
		books := openFan(in, group)
		for i := range group {
			if !passes(&books, &group[i]) {
				outs[0].pass(group[i].fault, group[i].trail)
				group[i].fault = dropped
			}
		}
		closeBooks(&books)
		deal(&b, compact(group))
	}
}

// scales deals items to where there is room.
type scales[T any] struct {
	outs []*Outlet[T]
	lots []lot[T]
	room []int
	wake chan struct{} // any edge has room again
}

// deal sends the items on. Each goes where most room is left.
func deal[T any](b *scales[T], items []Item[T]) {
	for len(items) > 0 {
		weigh(b)
		n := 0
		for ; n < len(items); n++ {
			best := 0
			for o := range b.room {
				if b.room[o] > b.room[best] {
					best = o
				}
			}
			if b.room[best] == 0 {
				break
			}
			b.room[best]--
			addTo(&b.lots[best], items[n])
		}
		sendLots(b.lots, b.outs)
		if items = items[n:]; len(items) > 0 {
			waitScales(b)
		}
	}
}

// weigh learns how much room each outlet has. One that nobody wants has none,
// unless nobody wants any.
func weigh[T any](b *scales[T]) {
	unwanted := 0
	for o, out := range b.outs {
		b.room[o] = roomOn(&out.edge.level)
		if out.joint.unwanted.Load() {
			unwanted++
		}
	}
	for o, out := range b.outs {
		if unwanted < len(b.outs) && out.joint.unwanted.Load() {
			b.room[o] = 0
		}
	}
}

// waitScales blocks until there may be room at an outlet that is wanted.
func waitScales[T any](b *scales[T]) {
	for _, out := range b.outs {
		if awaitRoom(&out.edge.level, 1) {
			defer awaitRoom(&out.edge.level, -1)
			continue
		}
		defer awaitRoom(&out.edge.level, -1)
		if !out.joint.unwanted.Load() {
			return
		}
	}
	<-b.wake
}

// Package lineage knows what belongs to an item beside its value: what the stages cost it, what
// its source waits for, by when it must be done, and what it was made of. It knows no edge, no
// stage and no run. Read its files in this order:
//
//	lineage.go    the trail of an item, in a slab of 64, and the records of stages
//	pool.go       the slabs of a run; allocator.go, trails for new and for derived items
//	extras.go     what few items have, and what becomes of it when items are joined or split
//	receipt.go    what an item owes its source; lot.go, items that are called in together
//	limit.go      what ends the work on an item; context.go, the context of a call for it
//	kin.go        the contexts of the items that one was made of
//	memory.go     the value of an item as it was; id.go, what its source calls it
//	past.go       what happened in another part of the graph
//	clock.go      the time of a run
//
// A [Trail] is a pointer, and costs no allocation: a slab serves 64 items that entered the flow
// one after another, and is used again when all of them have left. A stage books a group of
// items by one record. What few items have is in a second column of the slab, which is made when
// the first item needs it.
//
// An item that is derived from another one has a [Fork]: it continues the lineage of the other
// item, of which it keeps the slab. An item that is made of several continues one of them, and
// has the receipts of all.
package lineage

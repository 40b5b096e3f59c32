// Package lineage holds what belongs to an item beside its value. That is the time that each stage
// took, the receipt for which its source waits, its deadline, and the items that it was made of. It
// knows no edge, no stage and no run. Read its files in this order:
//
//	lineage.go    the trail of an item, in a slab of 64, and the records of stages
//	pool.go       the slabs of a run; allocator.go, trails for new and for derived items
//	extras.go     what few items have, and how joins and splits change it
//	receipt.go    what an item owes its source; lot.go, items that a source can call in together
//	limit.go      what ends the work on an item; context.go, the context of a call for it
//	kin.go        the contexts of the items that one item was made of
//	memory.go     the value of an item as it was; id.go, the name that its source gave it
//	past.go       what happened in another part of the graph
//	clock.go      the time of a run
//
// A [Trail] is a pointer, and costs no allocation: a slab serves 64 items that entered the flow one
// after another. When all of them have left, the slab is used again. A stage books a group of items
// by one record. Few items have more than timings: these extras are in a second column of the slab,
// which is allocated when the first item needs it.
//
// An item that is derived from another one has a [Fork]: it continues the lineage of the other
// item, and keeps the slab of that item in use. An item that is made of several continues one of
// them, and has the receipts of all.
package lineage

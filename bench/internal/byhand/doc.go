// Package byhand holds the best code that a good engineer writes without a
// library: goroutines, channels, a context in every select, errors passed
// along. It takes no timings and keeps no books.
//
// Where an item costs less than a channel operation, that engineer sends slices
// of items (Chunks), and gives slots of several items to workers (Slots). Both
// use their memory again. Neither hands on an item before its slice is full or
// the receiver idles, which weir does.
//
//	channels.go  stages in a row, one item per channel operation
//	chunks.go    the same with slices of items
//	free.go      workers that share channels; the order is lost
//	ordered.go   workers whose results queue in order
//	slots.go     the same with recycled slots
//	conduit.go   a channel of slices, and the way back for used ones
//	call.go      limit, shared flights, fuse and tries around a call
//	floor.go     plain calls, below which there is nothing to save
//
// One operator stands in each of the other files.
package byhand

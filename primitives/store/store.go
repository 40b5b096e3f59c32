package store

import (
	"context"
	"iter"
	"time"
)

// Store is state that processes share. Its methods are safe for concurrent use,
// take as long as the store does, and return early, with an error that is
// ctx.Err(), when ctx ends. A key that [CheckKey] or a folder that [CheckFolder]
// refuses is refused with the same error.
//
// The bytes of a value belong to whoever holds them: the store keeps none that it
// was given, and hands none out twice.
type Store interface {
	// Load returns the entry of key; where there is none, or its ttl is over, the
	// zero Entry and no error. What it returns may be old.
	Load(ctx context.Context, key string) (Entry, error)

	// List returns all entries whose key begins with folder, in any order; the
	// folder "" holds them all. What it returns may be old, and different entries
	// may be of different age.
	List(ctx context.Context, folder string) ([]Entry, error)

	// CompareAndSet writes value if the entry of key still has the given revision,
	// 0 for no entry, and returns its new revision. Where it has another, nothing
	// is written and the error is [ErrConflict]. Any other error leaves open
	// whether the value was written.
	//
	// The entry is gone when ttl is over, counted from the write. A ttl that is
	// not positive is refused with [ErrTTL]. A store may round it up, to its own
	// unit, never down.
	CompareAndSet(ctx context.Context, key string, revision uint64, value []byte, ttl time.Duration) (uint64, error)
}

// Watcher is what a [Store] also is if it can tell of writes as they happen.
// Whoever can use it falls back to asking every so often.
type Watcher interface {
	// Watch returns the stream of the writes to a folder. It begins when it is
	// ranged over, runs in that goroutine, and ends when the loop is left, when
	// ctx ends, or with an error, the last thing it yields.
	//
	// The first event is Lost, and says that the stream stands: every write from
	// then on is told, the writes to one key in their order, and what was before
	// is to be had from List. Lost comes again wherever events are missing,
	// because the loop was too slow or a connection was cut. An entry that expires
	// is no event: its reader knows when it does.
	Watch(ctx context.Context, folder string) iter.Seq2[Event, error]
}

// Entry is a value and what the store knows about it.
type Entry struct {
	Key   string
	Value []byte
	// Revision of the write; 0 says that there is no entry.
	Revision uint64
	// Age is how long ago the entry was written, by the clock of the store and as
	// of its answer. It is never negative.
	Age time.Duration
}

// Event is one element of a stream of [Watcher.Watch].
type Event struct {
	// Entry is what was written; the zero Entry where Lost is set.
	Entry Entry
	// Lost says that events before this one may be missing: List to catch up.
	Lost bool
}

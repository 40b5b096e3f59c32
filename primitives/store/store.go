package store

import (
	"context"
	"iter"
	"time"
)

// Store is state that processes share. Its methods are safe for concurrent use and take
// as long as the store does. When ctx ends they return early, with an error that is
// ctx.Err(). A key that [CheckKey] refuses, or a folder that [CheckFolder] refuses, is
// refused with the same error.
//
// The caller owns the bytes of a value. The store does not keep the bytes it was given,
// and does not return the same bytes twice.
type Store interface {
	// Load returns the entry of key. If there is none, or its ttl is over, it returns the
	// zero Entry and no error. What it returns may be old.
	Load(ctx context.Context, key string) (Entry, error)

	// List returns all entries whose key begins with folder, in any order. The folder ""
	// holds all entries. What it returns may be old, some entries more than others.
	List(ctx context.Context, folder string) ([]Entry, error)

	// CompareAndSet writes value if the entry of key still has the given revision, 0 for
	// no entry, and returns its new revision. If the entry has another revision, nothing
	// is written and the error is [ErrConflict]. After any other error the value may or
	// may not have been written.
	//
	// The entry is gone when ttl is over, counted from the write. A ttl that is not
	// positive is refused with [ErrTTL]. A store may round the ttl up to its own unit,
	// never down.
	CompareAndSet(ctx context.Context, key string, revision uint64, value []byte, ttl time.Duration) (uint64, error)
}

// Watcher is implemented by a [Store] that can report writes as they happen. Users of
// other stores ask at intervals.
type Watcher interface {
	// Watch returns the stream of the writes to a folder. It begins when it is ranged
	// over, and runs in that goroutine. It ends when the loop ends, when ctx ends, or with
	// an error, which is the last thing it yields.
	//
	// The first event is Lost, and says that the stream stands. The stream reports every
	// write from then on, and the writes to one key in their order. List returns the
	// entries from before. Lost comes again if events are missing, because the loop was
	// too slow or a connection was cut. The expiry of an entry is not an event: its reader
	// knows its ttl.
	Watch(ctx context.Context, folder string) iter.Seq2[Event, error]
}

// Entry is a value and what the store knows about it.
type Entry struct {
	Key   string
	Value []byte
	// Revision of the write; 0 says that there is no entry.
	Revision uint64
	// Age is how long ago the entry was written, by the clock of the store, at the time
	// of its answer. It is never negative.
	Age time.Duration
}

// Event is one element of a stream of [Watcher.Watch].
type Event struct {
	// Entry is what was written. It is the zero Entry if Lost is set.
	Entry Entry
	// Lost says that events before this one may be missing: List to catch up.
	Lost bool
}

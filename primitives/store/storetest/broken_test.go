package storetest

import (
	"context"
	"errors"
	"iter"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/store"
)

// failures runs the whole suite on a store and returns what it found, by check.
func failures(t *testing.T, factory func() store.Store, opts ...Option) map[string][]string {
	s := settings{unit: time.Second}
	for _, opt := range opts {
		opt(&s)
	}
	found := map[string][]string{}
	for _, c := range checks {
		synctest.Test(t, func(*testing.T) {
			notes := &notebook{}
			c.attempt(notes, []store.Store{factory()}, s)
			time.Sleep(2 * time.Hour) // for streams that outlive their context
			if len(notes.faults) > 0 {
				found[c.name] = notes.faults
			}
		})
	}
	return found
}

// broken is a store in memory with one call of it replaced.
type broken struct {
	*store.Memory
	load  func(ctx context.Context, key string) (store.Entry, error)
	list  func(ctx context.Context, folder string) ([]store.Entry, error)
	cas   func(ctx context.Context, key string, revision uint64, value []byte, ttl time.Duration) (uint64, error)
	watch func(ctx context.Context, folder string) iter.Seq2[store.Event, error]
}

func (b *broken) Load(ctx context.Context, key string) (store.Entry, error) {
	if b.load != nil {
		return b.load(ctx, key)
	}
	return b.Memory.Load(ctx, key)
}

func (b *broken) List(ctx context.Context, folder string) ([]store.Entry, error) {
	if b.list != nil {
		return b.list(ctx, folder)
	}
	return b.Memory.List(ctx, folder)
}

func (b *broken) CompareAndSet(ctx context.Context, key string, revision uint64, value []byte, ttl time.Duration) (uint64, error) {
	if b.cas != nil {
		return b.cas(ctx, key, revision, value, ttl)
	}
	return b.Memory.CompareAndSet(ctx, key, revision, value, ttl)
}

func (b *broken) Watch(ctx context.Context, folder string) iter.Seq2[store.Event, error] {
	if b.watch != nil {
		return b.watch(ctx, folder)
	}
	return b.Memory.Watch(ctx, folder)
}

// The control: with nothing replaced, the same path finds nothing.
func TestSoundStorePasses(t *testing.T) {
	require.Empty(t, failures(t, func() store.Store { return &broken{Memory: store.NewMemory()} }))
}

// Each of these is a mistake that a real store or its adapter makes, and names a
// check that finds it.
func TestSuiteFailsBrokenStores(t *testing.T) {
	for _, c := range []struct {
		name  string
		check string
		spoil func(b *broken)
	}{
		{"ignores the revision", "a write needs the present revision", ignoresRevision},
		{"creates over what is there", "create is refused if there is an entry", createsOver},
		{"compares and sets in two steps", "no write is lost among many", twoSteps},
		{"never expires", "an entry is there until its ttl is over, and then gone", neverExpires},
		{"lists what has expired", "an entry is there until its ttl is over, and then gone", listsExpired},
		{"expires too early", "an entry is there until its ttl is over, and then gone", expiresEarly},
		{"has a ttl only at creation", "a write begins the ttl anew", ttlOfCreation},
		{"takes no ttl for good", "a ttl is mandatory", noTTL},
		{"begins revisions anew", "a revision is not used again after an entry has expired", revisionsAnew},
		{"tells no age", "the age of an entry grows from its last write", noAge},
		{"tells the age of the creation", "the age of an entry grows from its last write", oldAge},
		{"keeps the bytes it was given", "a value belongs to its holder", keepsBytes},
		{"mistakes a name for a folder", "list keeps to its folder", nameForFolder},
		{"takes no notice of the context", "an ended context is refused", noContext},
		{"writes all the same when the context has ended", "an ended context is refused", writesAnyway},
		{"takes any key", "keys and folders are checked", anyKey},
		{"cuts values off at a zero byte", "a value is any bytes", zeroByte},
		{"drops events without a word", "a slow stream is told that it has lost something", dropsEvents},
		{"tells events out of order", "a stream begins with lost and tells all writes in order", reorders},
		{"does not say that a stream stands", "a stream begins with lost and tells all writes in order", noFirst},
		{"has streams that outlive their context", "a stream ends with its context and with its loop", outlives},
		{"tells of all folders", "a stream keeps to its folder", allFolders},
	} {
		t.Run(c.name, func(t *testing.T) {
			found := failures(t, func() store.Store {
				b := &broken{Memory: store.NewMemory()}
				c.spoil(b)
				return b
			})
			require.Contains(t, found, c.check)
		})
	}
}

func ignoresRevision(b *broken) {
	b.cas = func(ctx context.Context, key string, _ uint64, value []byte, ttl time.Duration) (uint64, error) {
		e, err := b.Memory.Load(ctx, key)
		if err != nil {
			return 0, err
		}
		return b.Memory.CompareAndSet(ctx, key, e.Revision, value, ttl)
	}
}

func createsOver(b *broken) {
	b.cas = func(ctx context.Context, key string, revision uint64, value []byte, ttl time.Duration) (uint64, error) {
		if revision == 0 {
			e, _ := b.Memory.Load(ctx, key)
			revision = e.Revision
		}
		return b.Memory.CompareAndSet(ctx, key, revision, value, ttl)
	}
}

// twoSteps lets others in between looking and writing.
func twoSteps(b *broken) {
	b.cas = func(ctx context.Context, key string, revision uint64, value []byte, ttl time.Duration) (uint64, error) {
		e, err := b.Memory.Load(ctx, key)
		if err != nil {
			return 0, err
		}
		if e.Revision != revision {
			return 0, store.ErrConflict
		}
		time.Sleep(time.Millisecond)
		for {
			e, _ = b.Memory.Load(ctx, key)
			if next, err := b.Memory.CompareAndSet(ctx, key, e.Revision, value, ttl); !errors.Is(err, store.ErrConflict) {
				return next, err
			}
		}
	}
}

// rettl replaces the ttl of each write.
func rettl(b *broken, f func(key string, revision uint64, ttl time.Duration) time.Duration) {
	b.cas = func(ctx context.Context, key string, revision uint64, value []byte, ttl time.Duration) (uint64, error) {
		return b.Memory.CompareAndSet(ctx, key, revision, value, f(key, revision, ttl))
	}
}

func neverExpires(b *broken) {
	rettl(b, func(_ string, _ uint64, ttl time.Duration) time.Duration { return ttl * 1000 })
}

func expiresEarly(b *broken) {
	rettl(b, func(_ string, _ uint64, ttl time.Duration) time.Duration { return ttl / 3 })
}

// ttlOfCreation is what NATS does if the ttl of a key is given to Create and
// not to Update: the value that is updated stays.
func ttlOfCreation(b *broken) {
	rettl(b, func(_ string, revision uint64, ttl time.Duration) time.Duration {
		if revision != 0 {
			return 1000 * time.Hour
		}
		return ttl
	})
}

func noTTL(b *broken) {
	rettl(b, func(_ string, _ uint64, ttl time.Duration) time.Duration {
		if ttl <= 0 {
			return 1000 * time.Hour
		}
		return ttl
	})
}

func listsExpired(b *broken) {
	var mu sync.Mutex
	all := map[string]store.Entry{}
	b.list = func(ctx context.Context, folder string) ([]store.Entry, error) {
		entries, err := b.Memory.List(ctx, folder)
		mu.Lock()
		defer mu.Unlock()
		for _, e := range all {
			if strings.HasPrefix(e.Key, folder) {
				entries = append(entries, e)
			}
		}
		return entries, err
	}
	b.cas = func(ctx context.Context, key string, revision uint64, value []byte, ttl time.Duration) (uint64, error) {
		next, err := b.Memory.CompareAndSet(ctx, key, revision, value, ttl)
		mu.Lock()
		defer mu.Unlock()
		if err == nil {
			all[key] = store.Entry{Key: key, Value: value, Revision: next}
		}
		return next, err
	}
}

// revisionsAnew counts each key from 1, from its creation.
func revisionsAnew(b *broken) {
	var mu sync.Mutex
	shown := map[uint64]uint64{} // by the revision of the store behind
	b.load = func(ctx context.Context, key string) (store.Entry, error) {
		mu.Lock()
		defer mu.Unlock()
		e, err := b.Memory.Load(ctx, key)
		e.Revision = shown[e.Revision]
		return e, err
	}
	b.cas = func(ctx context.Context, key string, revision uint64, value []byte, ttl time.Duration) (uint64, error) {
		mu.Lock()
		defer mu.Unlock()
		e, err := b.Memory.Load(ctx, key)
		if err != nil {
			return 0, err
		}
		if shown[e.Revision] != revision {
			return 0, store.ErrConflict
		}
		next, err := b.Memory.CompareAndSet(ctx, key, e.Revision, value, ttl)
		shown[next] = revision + 1
		return revision + 1, err
	}
}

func noAge(b *broken) {
	b.load = func(ctx context.Context, key string) (store.Entry, error) {
		e, err := b.Memory.Load(ctx, key)
		e.Age = 0
		return e, err
	}
}

func oldAge(b *broken) {
	born := time.Now()
	b.load = func(ctx context.Context, key string) (store.Entry, error) {
		e, err := b.Memory.Load(ctx, key)
		e.Age = time.Since(born)
		return e, err
	}
}

func keepsBytes(b *broken) {
	given := map[string][]byte{}
	b.load = func(ctx context.Context, key string) (store.Entry, error) {
		e, err := b.Memory.Load(ctx, key)
		e.Value = given[key]
		return e, err
	}
	b.cas = func(ctx context.Context, key string, revision uint64, value []byte, ttl time.Duration) (uint64, error) {
		next, err := b.Memory.CompareAndSet(ctx, key, revision, value, ttl)
		if err == nil && key == "k" {
			given[key] = value
		}
		return next, err
	}
}

func nameForFolder(b *broken) {
	b.list = func(ctx context.Context, folder string) ([]store.Entry, error) {
		if err := store.CheckFolder(folder); err != nil {
			return nil, err
		}
		entries, err := b.Memory.List(ctx, "")
		var found []store.Entry
		for _, e := range entries {
			if strings.HasPrefix(e.Key, strings.TrimSuffix(folder, "/")) {
				found = append(found, e)
			}
		}
		return found, err
	}
}

func noContext(b *broken) {
	b.cas = func(ctx context.Context, key string, revision uint64, value []byte, ttl time.Duration) (uint64, error) {
		return b.Memory.CompareAndSet(context.WithoutCancel(ctx), key, revision, value, ttl)
	}
}

func writesAnyway(b *broken) {
	b.cas = func(ctx context.Context, key string, revision uint64, value []byte, ttl time.Duration) (uint64, error) {
		at, err := b.Memory.CompareAndSet(context.WithoutCancel(ctx), key, revision, value, ttl)
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		return at, err
	}
}

func anyKey(b *broken) {
	b.load = func(ctx context.Context, key string) (store.Entry, error) {
		if store.CheckKey(key) != nil {
			key = store.Key(key)
		}
		return b.Memory.Load(ctx, key)
	}
}

func zeroByte(b *broken) {
	b.load = func(ctx context.Context, key string) (store.Entry, error) {
		e, err := b.Memory.Load(ctx, key)
		value, _, _ := strings.Cut(string(e.Value), "\x00")
		e.Value = []byte(value)
		return e, err
	}
}

// rewatch replaces each stream by what f makes of its n-th event.
func rewatch(b *broken, f func(n int, e store.Event) []store.Event) {
	b.watch = func(ctx context.Context, folder string) iter.Seq2[store.Event, error] {
		return func(yield func(store.Event, error) bool) {
			n := 0
			for e, err := range b.Memory.Watch(ctx, folder) {
				for _, e := range f(n, e) {
					if !yield(e, err) {
						return
					}
				}
				n++
			}
		}
	}
}

func dropsEvents(b *broken) {
	rewatch(b, func(n int, e store.Event) []store.Event {
		if n > 0 && e.Lost || e.Entry.Revision%10 == 9 {
			return nil
		}
		return []store.Event{e}
	})
}

func reorders(b *broken) {
	var held []store.Event
	rewatch(b, func(n int, e store.Event) []store.Event {
		held = append([]store.Event{e}, held...)
		if n == 0 || len(held) == 2 {
			told := held
			held = nil
			return told
		}
		return nil
	})
}

func noFirst(b *broken) {
	rewatch(b, func(n int, e store.Event) []store.Event {
		if n == 0 {
			return nil
		}
		return []store.Event{e}
	})
}

func outlives(b *broken) {
	b.watch = func(ctx context.Context, folder string) iter.Seq2[store.Event, error] {
		return func(yield func(store.Event, error) bool) {
			longer, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Hour)
			defer cancel()
			b.Memory.Watch(longer, folder)(yield)
		}
	}
}

func allFolders(b *broken) {
	b.watch = func(ctx context.Context, _ string) iter.Seq2[store.Event, error] {
		return b.Memory.Watch(ctx, "")
	}
}

// Package file is a store for tests in which state goes through bytes, as it does between
// processes.
package file

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/weir-go/weir/primitives/store"
)

// Store is a [store.Store] in one JSON file of the directory Dir, which must exist.
// Several processes can share it: nothing of it is in memory. It is no [store.Watcher].
// A process that dies during a write leaves a lock behind.
type Store struct{ Dir string }

type saved struct {
	Revision uint64
	Entries  map[string]savedEntry
}

type savedEntry struct {
	Value    []byte
	Revision uint64
	Written  time.Time // by the clock of the store
	Expires  time.Time
}

// with calls f with the content of the file while no other process can use it.
func (s Store) with(ctx context.Context, f func(state *saved, now time.Time) error) error {
	lock := filepath.Join(s.Dir, "lock")
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		l, err := os.OpenFile(lock, os.O_CREATE|os.O_EXCL, 0o600)
		if err == nil {
			l.Close()
			break
		}
		if !errors.Is(err, os.ErrExist) {
			return err
		}
		time.Sleep(time.Microsecond)
	}
	defer os.Remove(lock)
	path := filepath.Join(s.Dir, "state.json")
	state := &saved{Entries: map[string]savedEntry{}}
	raw, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(raw, state)
	} else if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	if err != nil {
		return err
	}
	now := time.Now()
	for key, e := range state.Entries {
		if !now.Before(e.Expires) {
			delete(state.Entries, key)
		}
	}
	if err := f(state, now); err != nil {
		return err
	}
	raw, err = json.Marshal(state)
	if err != nil {
		return err
	}
	return os.WriteFile(path, raw, 0o600)
}

func (e savedEntry) entry(key string, now time.Time) store.Entry {
	return store.Entry{Key: key, Value: e.Value, Revision: e.Revision, Age: max(now.Sub(e.Written), 0)}
}

// Load reads the file.
func (s Store) Load(ctx context.Context, key string) (found store.Entry, err error) {
	if err := store.CheckKey(key); err != nil {
		return store.Entry{}, err
	}
	err = s.with(ctx, func(state *saved, now time.Time) error {
		if e, ok := state.Entries[key]; ok {
			found = e.entry(key, now)
		}
		return nil
	})
	return found, err
}

// List reads the file.
func (s Store) List(ctx context.Context, folder string) (found []store.Entry, err error) {
	if err := store.CheckFolder(folder); err != nil {
		return nil, err
	}
	err = s.with(ctx, func(state *saved, now time.Time) error {
		for key, e := range state.Entries {
			if strings.HasPrefix(key, folder) {
				found = append(found, e.entry(key, now))
			}
		}
		return nil
	})
	return found, err
}

// CompareAndSet reads the file and writes it anew.
func (s Store) CompareAndSet(ctx context.Context, key string, revision uint64, value []byte, ttl time.Duration) (next uint64, err error) {
	if err := store.CheckKey(key); err != nil {
		return 0, err
	}
	if ttl <= 0 {
		return 0, store.ErrTTL
	}
	err = s.with(ctx, func(state *saved, now time.Time) error {
		if state.Entries[key].Revision != revision {
			return store.ErrConflict
		}
		// From the clock, so that no revision is used twice if the file is removed.
		state.Revision = max(state.Revision+1, uint64(now.UnixMicro()))
		next = state.Revision
		ttl = min(ttl, 100*365*24*time.Hour) // a Time has no room for more
		state.Entries[key] = savedEntry{value, next, now, now.Add(ttl)}
		return nil
	})
	return next, err
}

package store_test

import (
	"bytes"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/store"
)

// FuzzMemory runs a script against the store and against a plain map that
// forgets nothing. A byte is a step: two bits say what, two which key, and the
// rest is the argument.
func FuzzMemory(f *testing.F) {
	f.Add([]byte("\x00\x04\x10\x20\x03\xff"))
	f.Add([]byte("\x00\x01\x02\x03\x40\x81\xc2\x13"))
	f.Fuzz(func(t *testing.T, script []byte) {
		if len(script) > 300 {
			return
		}
		synctest.Test(t, func(t *testing.T) {
			d := &duel{m: store.NewMemory(), model: map[string]modelEntry{}}
			for _, step := range script {
				d.step(t, step&3, fmt.Sprint("k/", step>>2&3), int(step>>4))
				d.compare(t)
			}
		})
	})
}

type duel struct {
	m     *store.Memory
	model map[string]modelEntry
	last  uint64
}

type modelEntry struct {
	value    []byte
	revision uint64
	written  time.Time
	ttl      time.Duration
}

func (d *duel) get(key string) modelEntry {
	e := d.model[key]
	if time.Since(e.written) >= e.ttl {
		return modelEntry{}
	}
	return e
}

func (d *duel) step(t *testing.T, what byte, key string, arg int) {
	revision := d.get(key).revision
	switch what {
	case 0: // a write that knows what is there
	case 1: // one that does not
		revision += uint64(arg)
	case 2: // one from the past
		revision = d.model[key].revision
	case 3:
		time.Sleep(time.Duration(arg) * 100 * time.Millisecond)
		return
	}
	ttl := time.Duration(arg+1) * 300 * time.Millisecond
	value := []byte{byte(arg)}
	next, err := d.m.CompareAndSet(t.Context(), key, revision, value, ttl)
	if revision != d.get(key).revision {
		require.ErrorIs(t, err, store.ErrConflict)
		return
	}
	require.NoError(t, err)
	require.Greater(t, next, d.last)
	d.last = next
	d.model[key] = modelEntry{value, next, time.Now(), ttl}
}

func (d *duel) compare(t *testing.T) {
	live := 0
	for i := range 4 {
		key := fmt.Sprint("k/", i)
		want := d.get(key)
		got, err := d.m.Load(t.Context(), key)
		require.NoError(t, err)
		require.Equal(t, want.revision, got.Revision)
		if want.revision == 0 {
			continue
		}
		live++
		require.True(t, bytes.Equal(want.value, got.Value))
		require.Equal(t, time.Since(want.written), got.Age)
	}
	all, err := d.m.List(t.Context(), "k/")
	require.NoError(t, err)
	require.Len(t, all, live)
}

package storetest

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/weir-go/weir/primitives/store"
)

func absent(tr *trial) {
	e := tr.load(0, "absent")
	tr.need(e.Revision == 0 && e.Value == nil && e.Key == "" && e.Age == 0, "Load of nothing returned %+v", e)
	tr.need(len(tr.list(0, "")) == 0, "a new store is not empty")
}

func create(tr *trial) {
	revision := tr.set(0, "a/b", 0, "one")
	tr.holds("a/b", revision, "one")
	second := tr.set(1, "a/b", revision, "two")
	tr.holds("a/b", second, "two")
	e := tr.list(0, "")["a/b"]
	tr.need(e.Revision == second && string(e.Value) == "two", "List tells %+v", e)
}

func createOnce(tr *trial) {
	revision := tr.set(0, "k", 0, "one")
	tr.conflict(1, "k", 0)
	tr.holds("k", revision, "one")
}

func needRevision(tr *trial) {
	first := tr.set(0, "k", 0, "one")
	second := tr.set(1, "k", first, "two")
	tr.conflict(0, "k", first)
	tr.conflict(0, "k", second+1000)
	tr.conflict(0, "nothing", second)
	tr.holds("k", second, "two")
	tr.holds("nothing", 0, "")
}

func revisionsGrow(tr *trial) {
	last := uint64(0)
	for i := range 20 {
		next := tr.set(i, "k", last, strconv.Itoa(i))
		tr.need(next > last, "revision %d comes after %d", next, last)
		last = next
	}
}

func race(tr *trial) {
	revision := uint64(0)
	for range 5 {
		var wins atomic.Int64
		var won atomic.Uint64
		tr.all(func(i int) {
			next, err := tr.at(i).CompareAndSet(tr.ctx, "k", revision, []byte("x"), time.Hour)
			switch {
			case err == nil:
				wins.Add(1)
				won.Store(next)
			case !errors.Is(err, store.ErrConflict):
				tr.Errorf("the loser of a race got %v, want ErrConflict", err)
			}
		})
		tr.need(wins.Load() == 1, "%d of %d concurrent writes to revision %d succeeded, want 1", wins.Load(), crowd, revision)
		revision = won.Load()
		tr.holds("k", revision, "x")
	}
}

// counter has each goroutine of a crowd add 5 times to one number.
func counter(tr *trial) {
	tr.all(func(i int) {
		for range 5 {
			for !increment(tr, i) && tr.ctx.Err() == nil {
			}
		}
	})
	e := tr.load(0, "n")
	tr.need(string(e.Value) == strconv.Itoa(5*crowd), "%d increments counted to %s", 5*crowd, e.Value)
}

func increment(tr *trial, i int) bool {
	e, err := tr.at(i).Load(tr.ctx, "n")
	if err != nil {
		tr.Errorf("Load: %v", err)
		return true
	}
	n, _ := strconv.Atoi(string(e.Value))
	_, err = tr.at(i).CompareAndSet(tr.ctx, "n", e.Revision, []byte(strconv.Itoa(n+1)), time.Hour)
	if err != nil && !errors.Is(err, store.ErrConflict) {
		tr.Errorf("CompareAndSet: %v", err)
		return true
	}
	return err == nil
}

func anyBytes(tr *trial) {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	for i, value := range []string{"", string(all), strings.Repeat("x", 64<<10)} {
		key := store.Key("v", strconv.Itoa(i))
		tr.holds(key, tr.set(0, key, 0, value), value)
	}
}

func ownership(tr *trial) {
	value := []byte("one")
	revision, err := tr.at(0).CompareAndSet(tr.ctx, "k", 0, value, time.Hour)
	tr.need(err == nil, "CompareAndSet: %v", err)
	value[0] = 'X'
	tr.holds("k", revision, "one")
	tr.load(0, "k").Value[0] = 'X'
	tr.list(0, "")["k"].Value[0] = 'X'
	tr.holds("k", revision, "one")
}

func keys(tr *trial) {
	for _, key := range []string{"", "/", "a/", "/a", "a//b", "a b", "é", "a*", "a.b", "a\x00"} {
		_, err := tr.at(0).Load(tr.ctx, key)
		tr.need(errors.Is(err, store.ErrKey), "Load(%q) returned %v, want ErrKey", key, err)
		_, err = tr.at(0).CompareAndSet(tr.ctx, key, 0, nil, time.Hour)
		tr.need(errors.Is(err, store.ErrKey), "CompareAndSet(%q) returned %v, want ErrKey", key, err)
	}
	for _, folder := range []string{"a", "/", "a//", "a /"} {
		_, err := tr.at(0).List(tr.ctx, folder)
		tr.need(errors.Is(err, store.ErrKey), "List(%q) returned %v, want ErrKey", folder, err)
	}
	// Keys that are the same after a careless escape.
	names := []string{"a b", "a_b", "a=20b", "A B", "a/b", "a.b", ""}
	for i, name := range names {
		tr.set(0, store.Key("names", name), 0, strconv.Itoa(i))
	}
	for i, name := range names {
		value := string(tr.load(0, store.Key("names", name)).Value)
		tr.need(value == strconv.Itoa(i), "the entry for the name %q has the value of %q", name, value)
	}
}

func folders(tr *trial) {
	for _, key := range []string{"a", "a/b", "a/b/c", "ab/c", "b/a", "a-/c"} {
		tr.set(0, key, 0, key)
	}
	for folder, want := range map[string]int{"": 6, "a/": 2, "a/b/": 1, "ab/": 1, "c/": 0} {
		got := tr.list(1, folder)
		tr.need(len(got) == want, "List(%q) has %d entries, want %d", folder, len(got), want)
		for key, e := range got {
			tr.need(strings.HasPrefix(key, folder) && string(e.Value) == key, "List(%q) has %q with value %q", folder, key, e.Value)
		}
	}
}

func ended(tr *trial) {
	ctx, cancel := context.WithCancel(tr.ctx)
	cancel()
	s := tr.at(0)
	_, err := s.Load(ctx, "k")
	tr.need(errors.Is(err, context.Canceled), "Load returned %v, want the context's error", err)
	_, err = s.List(ctx, "")
	tr.need(errors.Is(err, context.Canceled), "List returned %v, want the context's error", err)
	_, err = s.CompareAndSet(ctx, "k", 0, []byte("v"), time.Hour)
	tr.need(errors.Is(err, context.Canceled), "CompareAndSet returned %v, want the context's error", err)
	tr.holds("k", 0, "")
}

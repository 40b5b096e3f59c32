package storetest

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/store"
	"github.com/weir-go/weir/primitives/store/internal/file"
)

var errDown = errors.New("connection refused")

// With an empty script, a Faulty is as good as the store behind it.
func TestFaultyConforms(t *testing.T) {
	Run(t, func() []store.Store { return []store.Store{NewFaulty(store.NewMemory())} }, Virtual())
}

func TestFaultyWithoutAWatcher(t *testing.T) {
	f := NewFaulty(file.Store{Dir: t.TempDir()})
	n := 0
	for _, err := range f.Watch(t.Context(), "") {
		require.ErrorIs(t, err, errNoWatcher)
		n++
	}
	require.Equal(t, 1, n)
}

// write sets key without a look at what faults there are.
func write(t *testing.T, f *Faulty, key, value string) {
	e, err := f.inner.Load(t.Context(), key)
	require.NoError(t, err)
	f.Fail(nil)
	_, err = f.CompareAndSet(t.Context(), key, e.Revision, []byte(value), time.Hour)
	require.NoError(t, err)
}

func TestFaultsOfCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := NewFaulty(store.NewMemory())
		always := func(fault Fault) { f.Script(func(Call) Fault { return fault }) }
		write(t, f, "k", "one")
		write(t, f, "k", "two")

		always(Fault{Stale: true})
		e, err := f.Load(t.Context(), "k")
		require.NoError(t, err)
		require.Equal(t, "one", string(e.Value))
		all, err := f.List(t.Context(), "")
		require.NoError(t, err)
		require.Equal(t, "one", string(all[0].Value))
		time.Sleep(time.Minute)
		e, err = f.Load(t.Context(), "k")
		require.NoError(t, err)
		require.Equal(t, time.Minute, e.Age, "what is old has aged")

		always(Fault{Corrupt: func([]byte) []byte { return []byte("?") }})
		e, err = f.Load(t.Context(), "k")
		require.NoError(t, err)
		require.Equal(t, "?", string(e.Value))

		always(Fault{After: errDown})
		_, err = f.Load(t.Context(), "k")
		require.ErrorIs(t, err, errDown)
		_, err = f.List(t.Context(), "")
		require.ErrorIs(t, err, errDown)
		_, err = f.CompareAndSet(t.Context(), "k", e.Revision, []byte("three"), time.Hour)
		require.ErrorIs(t, err, errDown)
		f.Fail(nil)
		e, err = f.Load(t.Context(), "k")
		require.NoError(t, err)
		require.Equal(t, "three", string(e.Value), "the write was made")

		always(Fault{Delay: time.Minute})
		begin := time.Now()
		_, err = f.Load(t.Context(), "k")
		require.NoError(t, err)
		require.Equal(t, time.Minute, time.Since(begin))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = f.CompareAndSet(ctx, "k", e.Revision, nil, time.Hour)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		f.Fail(nil)
		again, err := f.Load(t.Context(), "k")
		require.NoError(t, err)
		require.Equal(t, e.Revision, again.Revision, "the call was not made")
		require.Equal(t, 7+2, f.Calls(Load, List))
	})
}

func TestFaultsOfEvents(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault Fault // of the second write of three
		want  string
	}{
		{"none", Fault{}, "123"},
		{"drop", Fault{Drop: true}, "13"},
		{"lose", Fault{Lose: true}, "1L3"},
		{"hold", Fault{Hold: true}, "132"},
		{"corrupt", Fault{Corrupt: func([]byte) []byte { return []byte("?") }}, "1?3"},
		{"error", Fault{Err: errDown}, "1E"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := NewFaulty(store.NewMemory())
				got := ""
				go func() {
					for e, err := range f.Watch(t.Context(), "") {
						switch {
						case err != nil:
							got += "E"
						case !e.Lost:
							got += string(e.Entry.Value)
						case got != "": // the first Lost only begins
							got += "L"
						}
					}
				}()
				synctest.Wait()
				f.Script(func(call Call) Fault {
					if call.Op == Event && call.N == 3 { // with the first Lost
						return c.fault
					}
					return Fault{}
				})
				for i, value := range []string{"1", "2", "3"} {
					_, err := f.CompareAndSet(t.Context(), "k", uint64(i), []byte(value), time.Hour)
					require.NoError(t, err)
				}
				synctest.Wait()
				require.Equal(t, c.want, got)
			})
		})
	}
}

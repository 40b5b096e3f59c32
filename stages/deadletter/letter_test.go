package deadletter

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/operator"
	"github.com/weir-go/weir/stages/source"
)

// letters returns what is in the store.
func letters[T any](t *testing.T, s Store[T]) (all []Letter[T]) {
	t.Helper()
	for l, err := range s.Letters(t.Context()) {
		require.NoError(t, err)
		all = append(all, l)
	}
	return all
}

func values[T any](letters []Letter[T]) (vs []T) {
	for _, l := range letters {
		vs = append(vs, l.Value)
	}
	return vs
}

func openedFile(t *testing.T, path string) *File[int] {
	t.Helper()
	f, err := OpenFile[int](path)
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func TestALetterHasAllThatIsKnown(t *testing.T) {
	path := filepath.Join(t.TempDir(), "letters")
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now().Round(0)
		var memory Memory[int]
		file := openedFile(t, path)
		both := func(ctx context.Context, e *stages.ItemError) error {
			return errors.Join(memory.Put(ctx, e), file.Put(ctx, e))
		}
		fail := func(context.Context, int) (string, error) { time.Sleep(time.Second); return "", errFlaky }
		run(t, source.Slice([]int{0, 1}), operator.Map(fail), operator.DeadLetter[string](both))
		want := []Letter[int]{
			{ID: 1, Value: 0, Stage: "map", Cause: "flaky", Attempts: 1, Entered: begun, Failed: begun.Add(time.Second)},
			{ID: 2, Value: 1, Stage: "map", Cause: "flaky", Attempts: 1, Entered: begun, Failed: begun.Add(2 * time.Second)},
		}
		require.Equal(t, want, letters(t, &memory))
		for i, l := range letters(t, file) {
			require.True(t, l.Entered.Equal(want[i].Entered))
			require.True(t, l.Failed.Equal(want[i].Failed))
			l.Entered, l.Failed = want[i].Entered, want[i].Failed
			require.Equal(t, want[i], l)
		}
	})
}

func TestMemoryKeepsTheLast(t *testing.T) {
	m := &Memory[int]{Max: 3}
	for v := range 5 {
		require.NoError(t, m.Put(t.Context(), &stages.ItemError{Value: v, Err: errFlaky}))
	}
	require.Equal(t, []int{2, 3, 4}, values(letters(t, m)))
	require.Equal(t, int64(2), m.Evicted())
	require.NoError(t, m.Remove(t.Context(), 4))
	require.NoError(t, m.Remove(t.Context(), 1))
	require.Equal(t, []int{2, 4}, values(letters(t, m)))
	require.Equal(t, 2, m.Len())
	require.Error(t, (&Memory[int]{Max: -1}).Put(t.Context(), &stages.ItemError{Value: 1, Err: errFlaky}))
}

// The item as it was remembered goes first; a batch is a letter for each of its
// items; and what is no T is refused, not kept as something else.
func TestLettersAreOfWhatWasRemembered(t *testing.T) {
	of := func(e *stages.ItemError) ([]int, error) {
		e.Err = errFlaky
		all, err := Of[int](e)
		return values(all), err
	}
	for _, tt := range []struct {
		e    stages.ItemError
		want []int
	}{
		{stages.ItemError{Value: 1}, []int{1}},
		{stages.ItemError{Value: []int{1, 2}}, []int{1, 2}},
		{stages.ItemError{Value: "x", Origin: 3}, []int{3}},
		{stages.ItemError{Value: 9, Origin: 3}, []int{3}},
		{stages.ItemError{Value: 9, Origin: "y"}, []int{9}},
		{stages.ItemError{Value: "x", Origin: stages.Origins{3, 4}}, []int{3, 4}},
	} {
		got, err := of(&tt.e)
		require.NoError(t, err)
		require.Equal(t, tt.want, got)
	}
	for _, e := range []stages.ItemError{{Value: "x"}, {Value: "x", Origin: stages.Origins{3, nil}}, {Value: "x", Origin: "y"}, {}} {
		_, err := of(&e)
		require.ErrorContains(t, err, "letter of int cannot be made of")
	}
}

// What a file has, a later process finds; a line that was cut short is skipped,
// named, and does no harm.
func TestFileLettersOutliveACrash(t *testing.T) {
	path := filepath.Join(t.TempDir(), "letters")
	f := openedFile(t, path)
	for v := range 4 {
		require.NoError(t, f.Put(t.Context(), &stages.ItemError{Stage: "call", Value: v, Err: errFlaky}))
	}
	require.NoError(t, f.Remove(t.Context(), 2))
	require.NoError(t, f.Remove(t.Context(), 2), "it is not there any more")
	require.NoError(t, f.Close())
	require.ErrorIs(t, f.Put(t.Context(), &stages.ItemError{Value: 1, Err: errFlaky}), os.ErrClosed)
	require.ErrorIs(t, f.Remove(t.Context(), 1), os.ErrClosed)
	for _, err := range f.Letters(t.Context()) {
		require.ErrorIs(t, err, os.ErrClosed)
	}

	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, whole[:len(whole)-len("{\"removed\":2}\n")-9], 0o600)) // in the middle of the fourth
	f = openedFile(t, path)
	require.ErrorContains(t, f.Skipped(), "letters:4: no dead letter")
	require.Equal(t, []int{0, 1, 2}, values(letters(t, f)))
	require.NoError(t, f.Put(t.Context(), &stages.ItemError{Value: 7, Err: errFlaky}))
	require.NoError(t, f.Close())

	f = openedFile(t, path)
	require.ErrorContains(t, f.Skipped(), ":4:")
	require.NotContains(t, f.Skipped().Error(), ":5:")
	require.Equal(t, []int{0, 1, 2, 7}, values(letters(t, f)))
	require.Equal(t, 4, f.Len())
	var ids []uint64
	for _, l := range letters(t, f) {
		ids = append(ids, l.ID)
	}
	require.Equal(t, []uint64{1, 2, 3, 4}, ids, "the number that was cut off is free")
}

func TestFileLettersSayWhatIsWrong(t *testing.T) {
	_, err := OpenFile[int](t.TempDir())
	require.ErrorContains(t, err, "deadletter: ")
	path := filepath.Join(t.TempDir(), "letters")
	require.NoError(t, os.WriteFile(path, []byte(`{"id":1,"value":"no number","stage":"s"}`+"\n"+`{"value":1}`+"\n"), 0o600))
	f := openedFile(t, path)
	require.ErrorContains(t, f.Skipped(), ":2: no dead letter: no id")
	for l, err := range f.Letters(t.Context()) {
		require.ErrorContains(t, err, "letter 1")
		require.Equal(t, "s", l.Stage)
	}
	odd, err := OpenFile[chan int](filepath.Join(t.TempDir(), "odd"))
	require.NoError(t, err)
	require.ErrorContains(t, odd.Put(t.Context(), &stages.ItemError{Value: make(chan int), Err: errFlaky}), "unsupported type")
	require.NoError(t, odd.Close())

	f.turn <- struct{}{} // a call waits for a slow disk
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, f.Put(ctx, &stages.ItemError{Value: 1, Err: errFlaky}), context.Canceled)
	require.ErrorIs(t, f.Remove(ctx, 1), context.Canceled)
	for _, err := range f.Letters(ctx) {
		require.ErrorIs(t, err, context.Canceled)
	}
	f.give()
}

// What cannot be kept stays a failed item.
func TestAnItemThatIsNoLetterStaysFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m Memory[string]
		r := run(t, source.Slice([]int{0}), operator.Map(fails), operator.DeadLetter[int](m.Put))
		require.Len(t, r.failed, 1)
		require.ErrorIs(t, r.failed[0], errFlaky)
		require.ErrorContains(t, r.failed[0], "cannot be made of a int")
	})
}

// A batch of nothing that fails would leave no letter behind, and so it stays failed.
func TestABatchOfNothingIsNoLetter(t *testing.T) {
	for name, e := range map[string]*stages.ItemError{
		"batch":   {Value: []int{}, Err: errFlaky},
		"origins": {Value: "batch", Origin: stages.Origins{[]int{}}, Err: errFlaky},
	} {
		letters, err := Of[int](e)
		require.Empty(t, letters, name)
		require.ErrorContains(t, err, "a letter of int cannot be made", name)
	}
}

// What an aborted flow had inside was not done and did not fail. It goes back to its
// source, and there is no letter of it.
func TestAnAbortedItemIsNoLetter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m Memory[int]
		acks := map[int]error{}
		src := stages.SourceFunc[int](func(ctx context.Context, out *stages.Outlet[int]) error {
			for v := range 10 {
				out.EmitAcked(func(err error) { acks[v] = err }, v)
			}
			<-ctx.Done()
			return nil
		})
		r := newRig(t)
		r.wg.Go(func() { after(3500*time.Millisecond, abort)(r.rt) })
		end(t, r, via(r, via(r, from(r, src), operator.Map(takes(time.Second))), operator.DeadLetter[int](m.Put)))
		require.Empty(t, letters(t, &m))
		require.Len(t, acks, 10)
		for v, err := range acks {
			if v > 3 {
				require.ErrorIs(t, err, stages.ErrAborted, v)
			}
		}
	})
	for _, err := range []error{stages.ErrAborted, stages.ErrHandedBack} {
		_, got := Of[int](&stages.ItemError{Value: 1, Err: err})
		require.ErrorIs(t, got, err)
		require.ErrorContains(t, got, "goes back to its source")
	}
}

package stages

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// letters returns what is in the store.
func letters[T any](t *testing.T, s LetterStore[T]) (all []Letter[T]) {
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

func openedFile(t *testing.T, path string) *FileLetters[int] {
	t.Helper()
	f, err := OpenLetters[int](path)
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func TestALetterHasAllThatIsKnown(t *testing.T) {
	path := filepath.Join(t.TempDir(), "letters")
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now().Round(0)
		var memory MemoryLetters[int]
		file := openedFile(t, path)
		both := func(ctx context.Context, e *ItemError) error {
			return errors.Join(memory.Put(ctx, e), file.Put(ctx, e))
		}
		fail := func(context.Context, int) (string, error) { time.Sleep(time.Second); return "", errFlaky }
		behindMap(t, every(0, 2), fail, DeadLetter[string](both))
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

func TestMemoryLettersKeepTheLast(t *testing.T) {
	m := &MemoryLetters[int]{Max: 3}
	for v := range 5 {
		require.NoError(t, m.Put(t.Context(), &ItemError{Value: v, Err: errFlaky}))
	}
	require.Equal(t, []int{2, 3, 4}, values(letters(t, m)))
	require.Equal(t, int64(2), m.Evicted())
	require.NoError(t, m.Remove(t.Context(), 4))
	require.NoError(t, m.Remove(t.Context(), 1))
	require.Equal(t, []int{2, 4}, values(letters(t, m)))
	require.Equal(t, 2, m.Len())
	require.Error(t, (&MemoryLetters[int]{Max: -1}).Put(t.Context(), &ItemError{Value: 1, Err: errFlaky}))
}

// The item as it was remembered goes first; a batch is a letter for each of its
// items; and what is no T is refused, not kept as something else.
func TestLettersAreOfWhatWasRemembered(t *testing.T) {
	of := func(e *ItemError) ([]int, error) {
		e.Err = errFlaky
		all, err := LettersOf[int](e)
		return values(all), err
	}
	for _, tt := range []struct {
		e    ItemError
		want []int
	}{
		{ItemError{Value: 1}, []int{1}},
		{ItemError{Value: []int{1, 2}}, []int{1, 2}},
		{ItemError{Value: "x", Origin: 3}, []int{3}},
		{ItemError{Value: 9, Origin: 3}, []int{3}},
		{ItemError{Value: 9, Origin: "y"}, []int{9}},
		{ItemError{Value: "x", Origin: Origins{3, 4}}, []int{3, 4}},
	} {
		got, err := of(&tt.e)
		require.NoError(t, err)
		require.Equal(t, tt.want, got)
	}
	for _, e := range []ItemError{{Value: "x"}, {Value: "x", Origin: Origins{3, nil}}, {Value: "x", Origin: "y"}, {}} {
		_, err := of(&e)
		require.ErrorContains(t, err, "dead letter of int cannot be made of")
	}
}

// A batch that fails remembers all of its items, and a diamond each of its own
// once.
func TestABatchRemembersWhatItsItemsWere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := NewRuntime(t.Context(), false, "source", "remember", "batch", "again", "fail", "sink")
		defer rt.Close()
		n := rt.Nodes()
		out0, in1 := Link[int](rt, n[0], n[1], 8)
		out1, in2 := Link[int](rt, n[1], n[2], 8)
		out2, in3 := Link[[]int](rt, n[2], n[3], 8)
		out3, in4 := Link[[][]int](rt, n[3], n[4], 8)
		out4, in5 := Link[int](rt, n[4], n[5], 8)
		go RunSource(Slice(upTo(5)), out0)
		go RunStage(Remember[int](), in1, out1)
		go RunStage(Batch[int](2, 0), in2, out2)
		go RunStage(Batch[[]int](2, 0), in3, out3)
		go RunStage(Map(func(context.Context, [][]int) (int, error) { return 0, errFlaky }), in4, out4)
		var failed []*ItemError
		RunSink(everything[int]{func(_ *Inlet[int], it Item[int]) { failed = append(failed, it.fault) }}, in5)
		require.Len(t, failed, 2)
		require.Equal(t, Origins{0, 1, 2, 3}, failed[0].Origin)
		require.Equal(t, 4, failed[1].Origin)
	})
	var a, b trail
	a.slab, b.slab = &slab{}, &slab{}
	a.remember(&remembered[int]{1})
	b.recall(a.memory()) // b knew nothing
	require.Equal(t, Origins{nil, 1}, b.origin())
	a.recall(a.memory()) // two branches of one item
	require.Equal(t, 1, a.origin())
	shared := b.memory()
	shared.(*memories).shared.Store(true)
	b.recall(&remembered[int]{2})
	require.Equal(t, Origins{nil, 1, 2}, b.origin())
	require.Equal(t, Origins{nil, 1}, shared.value())
}

// What a file has, a later process finds; a line that was cut short is skipped,
// named, and in nobody's way.
func TestFileLettersOutliveACrash(t *testing.T) {
	path := filepath.Join(t.TempDir(), "letters")
	f := openedFile(t, path)
	for v := range 4 {
		require.NoError(t, f.Put(t.Context(), &ItemError{Stage: "call", Value: v, Err: errFlaky}))
	}
	require.NoError(t, f.Remove(t.Context(), 2))
	require.NoError(t, f.Remove(t.Context(), 2), "it is not there any more")
	require.NoError(t, f.Close())
	require.Error(t, f.Put(t.Context(), &ItemError{Value: 1, Err: errFlaky}), "closed")

	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, whole[:len(whole)-len("{\"removed\":2}\n")-9], 0o600)) // in the middle of the fourth
	f = openedFile(t, path)
	require.ErrorContains(t, f.Skipped(), "letters:4: no dead letter")
	require.Equal(t, []int{0, 1, 2}, values(letters(t, f)))
	require.NoError(t, f.Put(t.Context(), &ItemError{Value: 7, Err: errFlaky}))
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
	_, err := OpenLetters[int](t.TempDir())
	require.ErrorContains(t, err, "stages: dead letters")
	path := filepath.Join(t.TempDir(), "letters")
	require.NoError(t, os.WriteFile(path, []byte(`{"id":1,"value":"no number","stage":"s"}`+"\n"+`{"value":1}`+"\n"), 0o600))
	f := openedFile(t, path)
	require.ErrorContains(t, f.Skipped(), ":2: no dead letter: no id")
	for l, err := range f.Letters(t.Context()) {
		require.ErrorContains(t, err, "dead letter 1")
		require.Equal(t, "s", l.Stage)
	}
	odd, err := OpenLetters[chan int](filepath.Join(t.TempDir(), "odd"))
	require.NoError(t, err)
	require.ErrorContains(t, odd.Put(t.Context(), &ItemError{Value: make(chan int), Err: errFlaky}), "unsupported type")
	require.NoError(t, odd.Close())

	f.turn <- struct{}{} // somebody is at a slow disk
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, f.Put(ctx, &ItemError{Value: 1, Err: errFlaky}), context.Canceled)
	require.ErrorIs(t, f.Remove(ctx, 1), context.Canceled)
	for _, err := range f.Letters(ctx) {
		require.ErrorIs(t, err, context.Canceled)
	}
	f.give()
}

// What cannot be kept stays a failed item.
func TestAnItemThatIsNoLetterStaysFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m MemoryLetters[string]
		r := behindMap(t, every(0, 1), fails, DeadLetter[int](m.Put))
		require.Len(t, r.failed, 1)
		require.ErrorIs(t, r.failed[0], errFlaky)
		require.ErrorContains(t, r.failed[0], "cannot be made of a int")
	})
}

// filled is a store of letters of 0 to n-1.
func filled(t *testing.T, n int) *MemoryLetters[int] {
	t.Helper()
	m := &MemoryLetters[int]{}
	for v := range n {
		require.NoError(t, m.Put(t.Context(), &ItemError{Value: v, Err: errFlaky}))
	}
	return m
}

// thirdsAsText is thirds with another type of results, so that the letters need
// what a replay remembers.
func thirdsAsText(ctx context.Context, v int) (string, error) {
	_, err := thirds(ctx, v)
	return strings.Repeat("x", v), err
}

func TestReplayTakesOutWhatIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := filled(t, 9)
		replay := &Replay[int]{Store: m, Where: func(l Letter[int]) bool { return l.Value < 6 }}
		r := through(t, replay, Map(thirdsAsText))
		require.Len(t, r.out, 2)
		require.Equal(t, ReplayReport{Replayed: 6, Done: 2, Failed: 4}, replay.Report())
		require.Equal(t, []int{1, 2, 4, 5, 6, 7, 8}, values(letters(t, m)))
	})
}

// A letter that is dead-lettered again is replaced by one that has been replayed
// once more. The replay does not see it.
func TestReplayIntoTheSameStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := filled(t, 3)
		for round := range 3 {
			replay := &Replay[int]{Store: m}
			run(t, false, DeadLetter[string](m.Put), nil, fed(replay, Map(thirdsAsText)))
			left := letters(t, m)
			require.Equal(t, []int{1, 2}, values(left))
			require.Equal(t, round+1, left[0].Replays)
			require.Equal(t, int64(2), replay.Report().Failed)
		}
	})
}

func TestAReplayThatIsAbortedKeepsTheLetters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := filled(t, 50)
		replay := &Replay[int]{Store: m}
		through(t, replay, Map(takes(time.Second)), after(3500*time.Millisecond, abort))
		rep := replay.Report()
		require.Equal(t, rep.Replayed, rep.Done+rep.Failed+rep.Aborted)
		require.Positive(t, rep.Aborted)
		require.Equal(t, 50-int(rep.Done), m.Len())
	})
}

// stuckStore has letters that cannot be taken out.
type stuckStore struct{ *MemoryLetters[int] }

func (stuckStore) Remove(context.Context, uint64) error { return errGone }

func TestALetterThatCannotBeTakenOutStopsTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, &Replay[int]{Store: stuckStore{filled(t, 1)}}, Map(same))
		require.ErrorIs(t, r.err, errGone)
		require.ErrorContains(t, r.err, "letter 1 is done and cannot be removed")
	})
	require.Error(t, (&Replay[int]{}).Validate())
}

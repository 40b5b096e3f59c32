package deadletter

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/operator"
)

// filled is a store of letters of 0 to n-1.
func filled(t *testing.T, n int) *Memory[int] {
	t.Helper()
	m := &Memory[int]{}
	for v := range n {
		require.NoError(t, m.Put(t.Context(), &stages.ItemError{Value: v, Err: errFlaky}))
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
		r := through(t, replay, operator.Map(thirdsAsText))
		require.Len(t, r.out, 2)
		require.Equal(t, Report{Replayed: 6, Done: 2, Failed: 4}, replay.Report())
		left := letters(t, m)
		require.Equal(t, []int{6, 7, 8, 1, 2, 4, 5}, values(left))
		for i, l := range left {
			want := Letter[int]{ID: l.ID, Value: l.Value, Cause: "flaky", Entered: l.Entered, Failed: l.Failed}
			if i >= 3 { // these failed again, and there
				_, err := thirds(t.Context(), l.Value)
				want.Stage, want.Cause, want.Attempts, want.Replays = "map", err.Error(), 1, 1
			}
			require.Equal(t, want, l)
		}
	})
}

// A letter that is dead-lettered again is replaced by one that has been replayed
// once more. The replay does not see it.
func TestReplayIntoTheSameStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := filled(t, 3)
		for round := range 3 {
			replay := &Replay[int]{Store: m}
			run(t, replay, operator.Map(thirdsAsText), operator.DeadLetter[string](m.Put))
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
		through(t, replay, operator.Map(takes(time.Second)), after(3500*time.Millisecond, abort))
		rep := replay.Report()
		require.Equal(t, rep.Replayed, rep.Done+rep.Failed+rep.Unsettled)
		require.Positive(t, rep.Unsettled)
		require.Equal(t, 50-int(rep.Done), m.Len())
	})
}

// A call that the abort has cancelled counted as a failure: its letter had one more replay, and the end of
// the context as its cause.
func TestAReplayWhoseCallIsCancelledKeepsTheLetter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := filled(t, 3)
		before := letters(t, m)
		replay := &Replay[int]{Store: m}
		waits := func(ctx context.Context, v int) (int, error) {
			<-ctx.Done()
			return v, fmt.Errorf("stopped: %w", ctx.Err())
		}
		through(t, replay, operator.Map(waits), after(time.Second, abort))
		require.Equal(t, Report{Replayed: 3, Unsettled: 3}, replay.Report())
		require.Equal(t, before, letters(t, m))
	})
}

// stuckStore has letters that cannot be taken out.
type stuckStore struct{ *Memory[int] }

func (stuckStore) Remove(context.Context, uint64) error { return errGone }

func TestALetterThatCannotBeTakenOutStopsTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, &Replay[int]{Store: stuckStore{filled(t, 1)}}, operator.Map(same))
		require.ErrorIs(t, r.err, errGone)
		require.ErrorContains(t, r.err, "letter 1 is done and cannot be removed")
	})
	require.Error(t, (&Replay[int]{}).Validate())
}

// rounds replays the letters with less than most replays again and again, until none
// is replayed, and returns how many were in each round.
func rounds(t *testing.T, store Store[int], most int, play func(*Replay[int])) (replayed []int64) {
	t.Helper()
	for range 10 {
		r := &Replay[int]{Store: store, Where: func(l Letter[int]) bool { return l.Replays < most }}
		play(r)
		if r.Report().Replayed == 0 {
			return replayed
		}
		replayed = append(replayed, r.Report().Replayed)
	}
	t.Fatal("it is replayed for ever")
	return nil
}

// A letter that can never succeed is replayed as often as Where allows, however it
// fails. It would be replayed for ever, if its replays were not counted.
func TestAPoisonLetterIsReplayedSoOften(t *testing.T) {
	poison := func(_ context.Context, v int) (int, error) {
		if v == 1 {
			return 0, errFlaky
		}
		return v, nil
	}
	all := func(_ context.Context, vs []int) ([]int, error) {
		if slices.Contains(vs, 1) {
			return nil, errFlaky
		}
		return vs, nil
	}
	batches := func(_ context.Context, vs [][]int) (int, error) {
		_, err := all(t.Context(), slices.Concat(vs...))
		return 0, err
	}
	for name, tt := range map[string]struct {
		play     func(*testing.T, Store[int], *Replay[int])
		replayed []int64 // of 6 letters, the second of which is poison
		left     []int
	}{
		"dead-lettered": {func(t *testing.T, s Store[int], r *Replay[int]) {
			run(t, r, operator.Map(poison), operator.DeadLetter[int](s.Put))
		}, []int64{6, 1, 1}, []int{1}},
		"failed": {func(t *testing.T, s Store[int], r *Replay[int]) {
			through(t, r, operator.Map(poison))
		}, []int64{6, 1, 1}, []int{1}},
		"remembered again": {func(t *testing.T, s Store[int], r *Replay[int]) {
			g := newRig(t)
			end(t, g, via(g, via(g, via(g, from(g, r), operator.Remember[int]()), operator.Map(poison)), operator.DeadLetter[int](s.Put)))
		}, []int64{6, 1, 1}, []int{1}},
		"batched": {func(t *testing.T, s Store[int], r *Replay[int]) {
			g := newRig(t)
			end(t, g, via(g, via(g, via(g, from(g, r), operator.Batch[int](3, 0)), operator.Map(all)), operator.DeadLetter[[]int](s.Put)))
		}, []int64{6, 3, 3}, []int{0, 1, 2}},
		"batched and failed": {func(t *testing.T, s Store[int], r *Replay[int]) {
			run(t, r, operator.Batch[int](3, 0), operator.Map(all))
		}, []int64{6, 3, 3}, []int{0, 1, 2}},
		"batches of batches": {func(t *testing.T, s Store[int], r *Replay[int]) {
			g := newRig(t)
			twice := via(g, via(g, from(g, r), operator.Batch[int](2, 0)), operator.Batch[[]int](2, 0))
			end(t, g, via(g, via(g, twice, operator.Map(batches)), operator.DeadLetter[int](s.Put)))
		}, []int64{6, 4, 4}, []int{0, 1, 2, 3}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := filled(t, 6)
				got := rounds(t, m, 3, func(r *Replay[int]) {
					tt.play(t, m, r)
					rep := r.Report()
					require.Equal(t, rep.Replayed, rep.Done+rep.Failed)
				})
				require.Equal(t, tt.replayed, got)
				require.Equal(t, tt.left, slices.Sorted(slices.Values(values(letters(t, m)))))
				for _, l := range letters(t, m) {
					require.Equal(t, 3, l.Replays)
				}
			})
		})
	}
}

// A batch of letters that were replayed differently often counts as the one that was
// replayed most: it cannot be told which of them is the poison.
func TestABatchCountsItsMostReplayedLetter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &Memory[int]{}
		for v := range 3 {
			require.NoError(t, m.Put(t.Context(), &stages.ItemError{Value: v, Err: errFlaky, Replays: 2 * v}))
		}
		fail := func(context.Context, []int) (int, error) { return 0, errFlaky }
		g := newRig(t)
		end(t, g, via(g, via(g, via(g, from(g, &Replay[int]{Store: m}), operator.Batch[int](3, 0)), operator.Map(fail)), operator.DeadLetter[int](m.Put)))
		left := letters(t, m)
		require.Equal(t, []int{0, 1, 2}, values(left))
		for _, l := range left {
			require.Equal(t, 5, l.Replays)
		}
	})
}

// Two items are made from a letter, and both fail. One of them is dead-lettered: that is
// letter enough.
func TestALetterOfWhichTwoItemsFailIsKeptOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := filled(t, 1)
		twice := stages.StageFunc[int, string](func(_ context.Context, in *stages.Inlet[int], out *stages.Outlet[string]) error {
			for it := range in.All() {
				out.Derive(it, "first")
				out.Send(it.With("second"))
			}
			return nil
		})
		first := func(ctx context.Context, e *stages.ItemError) error {
			if e.Value == "second" {
				return errGone
			}
			return m.Put(ctx, e)
		}
		fail := func(context.Context, string) (string, error) { return "", errFlaky }
		replay := &Replay[int]{Store: m}
		g := newRig(t)
		end(t, g, via(g, via(g, via(g, from(g, replay), twice), operator.Map(fail)), operator.DeadLetter[string](first)))
		require.Equal(t, Report{Replayed: 1, Failed: 1}, replay.Report())
		left := letters(t, m)
		require.Equal(t, []int{0}, values(left))
		require.Equal(t, 1, left[0].Replays)
	})
}

// What is handed back was not done, and did not fail: its letter stays as it is, and
// the replay does not count.
func TestALetterThatIsHandedBackStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := filled(t, 4)
		replay := &Replay[int]{Store: m}
		through(t, replay, operator.Map(func(_ context.Context, v int) (int, error) {
			if v%2 == 1 {
				return 0, stages.ErrHandedBack
			}
			return v, nil
		}))
		require.Equal(t, Report{Replayed: 4, Done: 2, Unsettled: 2}, replay.Report())
		left := letters(t, m)
		require.Equal(t, []int{1, 3}, values(left))
		require.Equal(t, []uint64{2, 4}, []uint64{left[0].ID, left[1].ID})
		require.Zero(t, left[0].Replays)
	})
}

// A replay that is asked to stop stops, and the letters it did not get to stay.
func TestAReplayThatIsStoppedKeepsTheLetters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := filled(t, 50)
		replay := &Replay[int]{Store: m}
		r := through(t, replay, operator.Map(takes(time.Second)), after(3500*time.Millisecond, stop))
		require.NoError(t, r.err)
		rep := replay.Report()
		require.Less(t, rep.Replayed, int64(50))
		require.Equal(t, Report{Replayed: rep.Replayed, Done: rep.Replayed}, rep)
		require.Equal(t, 50-int(rep.Done), m.Len())
	})
}

// lists is a store whose letters cannot be listed to their end.
type lists struct{ *Memory[int] }

func (s lists) Letters(ctx context.Context) iter.Seq2[Letter[int], error] {
	return func(yield func(Letter[int], error) bool) {
		for l := range s.Memory.Letters(ctx) {
			if l.Value == 2 {
				yield(Letter[int]{}, errGone)
				return
			}
			if !yield(l, nil) {
				return
			}
		}
	}
}

func TestLettersThatCannotBeListedStopTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := filled(t, 5)
		r := through(t, &Replay[int]{Store: lists{m}}, operator.Map(same))
		require.ErrorIs(t, r.err, errGone)
		require.Equal(t, []int{2, 3, 4}, values(letters(t, m)), "what came before is done")
	})
}

// fullStore takes no letter, and so a letter that fails again stays as it is.
type fullStore struct{ *Memory[int] }

func (fullStore) Put(context.Context, *stages.ItemError) error { return errGone }

func TestALetterStaysIfItCannotBeKeptAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := filled(t, 3)
		replay := &Replay[int]{Store: fullStore{m}}
		r := through(t, replay, operator.Map(fails))
		require.NoError(t, r.err)
		require.Equal(t, Report{Replayed: 3, Failed: 3}, replay.Report())
		require.Equal(t, []int{0, 1, 2}, values(letters(t, m)))
	})
}

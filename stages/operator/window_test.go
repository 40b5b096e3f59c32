package operator_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/operator"
	"github.com/weir-go/weir/stages/source"
)

// epoch is when the time of a bubble begins: midnight.
var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// text shows windows in seconds since the epoch, a partial one with a tilde.
func text[T any](all []operator.WindowOf[T]) []string {
	var lines []string
	for _, w := range all {
		partial := map[bool]string{true: "~"}[w.Partial]
		lines = append(lines, fmt.Sprintf("%v-%v%s%v", w.Start.Sub(epoch).Seconds(), w.End.Sub(epoch).Seconds(), partial, w.Items))
	}
	return lines
}

// seconds is an event time.
func seconds(v int) time.Time { return epoch.Add(time.Duration(v) * time.Second) }

func TestWindowsOfArrival(t *testing.T) {
	for name, tt := range map[string]struct {
		policy operator.WindowPolicy
		want   string
	}{
		"tumbling": {operator.Tumbling(2 * time.Second), "0-2[0 1] 2-4[2 3] 4-6[4 5] 6-8[6] 20-22~[7]"},
		"sliding": {operator.Sliding(4*time.Second, 2*time.Second), "-2-2[0 1] 0-4[0 1 2 3] 2-6[2 3 4 5] 4-8[4 5 6] 6-10[6] " +
			"18-22~[7] 20-24~[7]"},
		"session": {operator.Session(3 * time.Second), "0-9[0 1 2 3 4 5 6] 20-23~[7]"},
		"short":   {operator.Session(time.Second), "0-1[0] 1-2[1] 2-3[2] 3-4[3] 4-5[4] 5-6[5] 6-7[6] 20-21~[7]"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := through(t, bursts(0, 1000, 1000, 1000, 1000, 1000, 1000, 14000), operator.Window[int](tt.policy))
				require.Equal(t, tt.want, strings.Join(text(r.out), " "))
				l := r.ledger()
				require.Equal(t, int64(8), l.In)
				require.Zero(t, l.Filtered)
				require.Equal(t, 20*time.Second, r.took)
				for i, w := range r.out {
					if !w.Partial { // it came with its first item, and leaves when its end has come
						require.Equal(t, w.End.Sub(seconds(w.Items[0])), r.times[i].Total())
					}
				}
			})
		})
	}
}

// A window's timer is heard also where items never cease, and each item is in
// the window of its time.
func TestABusyWindowIsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, every(time.Microsecond, 5000), operator.Window[int](operator.Tumbling(time.Millisecond)))
		require.Len(t, r.out, 5)
		for i, w := range r.out {
			require.Len(t, w.Items, 1000)
			require.Equal(t, time.Millisecond, r.times[i].Total())
		}
	})
}

func TestWindowsOfEventTime(t *testing.T) {
	for name, tt := range map[string]struct {
		policy   operator.WindowPolicy
		lateness time.Duration
		in       []int
		want     string
		late     []int
	}{
		"in order":        {operator.Tumbling(10 * time.Second), 0, []int{1, 5, 9, 10, 25}, "0-10[1 5 9] 10-20[10] 20-30~[25]", nil},
		"sorted":          {operator.Tumbling(10 * time.Second), 0, []int{9, 1, 5, 10}, "0-10[1 5 9] 10-20~[10]", nil},
		"late":            {operator.Tumbling(10 * time.Second), 0, []int{9, 10, 8, 12}, "0-10[9] 10-20~[10 12]", []int{8}},
		"waited for":      {operator.Tumbling(10 * time.Second), 3 * time.Second, []int{9, 12, 8, 13, 7, 12}, "0-10[8 9] 10-20~[12 12 13]", []int{7}},
		"sliding":         {operator.Sliding(10*time.Second, 5*time.Second), 0, []int{3, 7, 11, 6, 30}, "-5-5[3] 0-10[3 7] 5-15[6 7 11] 10-20[11] 25-35~[30] 30-40~[30]", nil},
		"sliding, late":   {operator.Sliding(10*time.Second, 5*time.Second), 0, []int{3, 15, 4}, "-5-5[3] 0-10[3] 10-20~[15] 15-25~[15]", []int{4}},
		"sessions":        {operator.Session(5 * time.Second), 0, []int{1, 4, 9, 20}, "1-9[1 4] 9-14[9] 20-25~[20]", nil},
		"joined":          {operator.Session(5 * time.Second), 10 * time.Second, []int{1, 8, 4, 30}, "1-13[1 4 8] 30-35~[30]", nil},
		"joined in order": {operator.Session(5 * time.Second), time.Minute, []int{8, 1, 20, 4, 16, 12}, "1-25~[1 4 8 12 16 20]", nil},
		"session, late":   {operator.Session(5 * time.Second), 0, []int{10, 7, 2, 16, 3}, "7-15[7 10] 16-21~[16]", []int{2, 3}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var late []int
				note := func(_ context.Context, v int) error { late = append(late, v); return nil }
				r := through(t, source.Slice(tt.in), operator.Window[int](tt.policy, stages.EventTime(seconds, tt.lateness), stages.Late(note)))
				require.Equal(t, tt.want, strings.Join(text(r.out), " "))
				require.Equal(t, tt.late, late)
				require.Equal(t, int64(len(late)), r.ledger().Filtered)
			})
		})
	}
}

// Event time goes by items, and not by the clock.
func TestEventTimeStandsStillWithoutItems(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, bursts(0, 3_600_000, 1), operator.Window[int](operator.Tumbling(2*time.Second), stages.EventTime(seconds, 0)))
		require.Equal(t, []string{"0-2[0 1]", "2-4~[2]"}, text(r.out))
		require.Equal(t, time.Hour+time.Millisecond, r.times[0].Total())
	})
}

func TestLateItemsAreFilteredUnlessSomebodyTakesThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := []int{30, 1, 2, 3, 4}
		policy, at := operator.Tumbling(10*time.Second), stages.EventTime(seconds, 0)
		r := through(t, source.Slice(in), operator.Window[int](policy, at))
		require.Equal(t, stages.Ledger{In: 5, Out: 1, Filtered: 4}, r.ledger())
		r = through(t, source.Slice(in), operator.Window[int](policy, at, stages.Late(func(_ context.Context, v int) error {
			switch v {
			case 1:
				return errFlaky
			case 2:
				panic(errGone)
			case 3:
				return stages.ErrDrop
			}
			return nil
		})))
		require.Equal(t, stages.Ledger{In: 5, Out: 1, Filtered: 2, Failed: 2}, r.ledger())
		require.ErrorIs(t, r.failed[0], errFlaky)
		require.Equal(t, 1, r.failed[0].Value)
		require.ErrorIs(t, r.failed[1], errGone)
	})
}

func TestWindowsPerKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		letter := func(s string) byte { return s[0] }
		at := func(s string) time.Time { return seconds(int(s[1] - '0')) }
		in := []string{"a1", "b2", "a3", "b3", "a9", "b9"}
		for policy, want := range map[operator.WindowPolicy]string{
			operator.Session(3 * time.Second):   "1-6[a1 a3] 2-6[b2 b3] 9-12~[a9] 9-12~[b9]",
			operator.Tumbling(10 * time.Second): "0-10~[a1 a3 a9] 0-10~[b2 b3 b9]",
		} {
			r := through(t, source.Slice(in), operator.Window[string](policy, stages.EventTime(at, 0), stages.PerKey(letter)))
			require.Equal(t, want, strings.Join(text(r.out), " "))
		}
	})
}

// An item that a user's function cannot make sense of fails alone.
func TestAWindowFailsWhatHasNoTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, source.Slice(upTo(5)), operator.Window[int](operator.Tumbling(time.Hour), stages.EventTime(func(v int) time.Time {
			switch v {
			case 1:
				panic(errGone)
			case 2:
				return time.Time{}
			case 3:
				return time.Date(3000, 1, 1, 0, 0, 0, 0, time.UTC)
			}
			return seconds(v)
		}, 0)))
		require.Equal(t, []string{"0-3600~[0 4]"}, text(r.out))
		require.ErrorIs(t, r.failed[0], errGone)
		require.ErrorContains(t, r.failed[1], "event time is out of range: 0001-01-01 00:00:00 +0000 UTC")
		require.ErrorContains(t, r.failed[2], "event time is out of range: 3000")
		r = through(t, source.Slice(upTo(3)), operator.Window[int](operator.Tumbling(time.Hour), stages.EventTime(seconds, 0), stages.PerKey(func(v int) any {
			if v == 1 {
				panic(errGone)
			}
			return nil
		})))
		require.Equal(t, []string{"0-3600~[0 2]"}, text(r.out))
		require.ErrorIs(t, r.failed[0], errGone)
	})
}

// An exit fails the item and aborts the run; what the windows hold is accounted for.
func TestGoexitInAWindowLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		exit := func(int) time.Time {
			time.Sleep(time.Second) // the source has sent all by then
			runtime.Goexit()
			return epoch
		}
		r := through(t, source.Slice(upTo(9)), operator.Window[int](operator.Tumbling(time.Hour), stages.EventTime(exit, 0)))
		require.Len(t, r.failed, 9)
		require.ErrorIs(t, r.failed[0], stages.ErrGoexit)
		require.ErrorIs(t, r.failed[8], stages.ErrAborted)
		require.ErrorIs(t, r.err, stages.ErrGoexit)
		r = through(t, source.Slice([]int{9, 10, 20, 1}), operator.Window[int](operator.Tumbling(10*time.Second), stages.EventTime(seconds, 0),
			stages.Late(func(context.Context, int) error { runtime.Goexit(); return nil })))
		require.Equal(t, []string{"0-10[9]", "10-20[10]", "20-30~[20]"}, text(r.out))
		require.ErrorIs(t, r.failed[0], stages.ErrGoexit)
	})
}

// What is kept is bounded: the window that would end first leaves before its
// time, and what comes for it still is in another.
func TestAWindowKeepsNoMoreThanItMay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, every(time.Second, 10), operator.Window[int](operator.Tumbling(4*time.Second), stages.Capacity(3)))
		require.Equal(t, []string{"0-4~[0 1 2 3]", "4-8~[4 5 6 7]", "8-12~[8 9]"}, text(r.out)[:3])
		r = through(t, source.Slice([]int{0, 10, 20, 1, 30}), operator.Window[int](operator.Tumbling(10*time.Second), stages.EventTime(seconds, time.Hour), stages.Capacity(2)))
		require.Equal(t, []string{"0-10~[0]", "0-10~[1]", "10-20~[10]", "20-30~[20]", "30-40~[30]"}, text(r.out))
	})
}

// What is open when the intake stops leaves at once, and what was on its way
// then comes after it.
func TestAStopClosesTheWindows(t *testing.T) {
	for name, opts := range map[string][]stages.WindowOption{"arrival": nil, "event time": {stages.EventTime(seconds, time.Hour)}} {
		for _, p := range []operator.WindowPolicy{operator.Tumbling(time.Hour), operator.Session(time.Hour)} {
			t.Run(name+" "+p.String(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := run(t, false, operator.Window[int](p, opts...), []func(*kernel.Run){after(25*time.Second, stop)},
						fed(every(time.Second, 3), operator.Map(takes(10*time.Second))))
					require.Len(t, r.out, 2)
					require.Equal(t, []int{0, 1}, r.out[0].Items)
					require.Equal(t, []int{2}, r.out[1].Items)
					require.True(t, r.out[0].Partial && r.out[1].Partial)
					require.Equal(t, 15*time.Second, r.times[0].At(1).Wait)
				})
			})
		}
	}
}

// A burst that is in the edges when the intake stops is not torn apart.
func TestAStopTakesWhatIsAtHandIntoTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		block := make(chan struct{})
		first := true
		at := func(v int) time.Time {
			if first { // the others wait on the edge meanwhile
				first = false
				<-block
			}
			return seconds(v)
		}
		r := through(t, source.Slice(upTo(10)), operator.Window[int](operator.Tumbling(time.Hour), stages.EventTime(at, 0)), after(time.Second, func(rt *kernel.Run) {
			rt.Stop()
			synctest.Wait()
			close(block)
		}))
		require.Equal(t, []string{"0-3600~[0 1 2 3 4 5 6 7 8 9]"}, text(r.out))
	})
}

func TestAnAbortClosesTheWindows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, every(time.Second, 10), operator.Window[int](operator.Sliding(time.Hour, time.Minute)), after(2500*time.Millisecond, abort))
		require.Len(t, r.out, 60, "what is done is delivered")
		require.Equal(t, 2500*time.Millisecond, r.took)
	})
}

// An item in several windows is done when all of them are.
func TestASourceHearsWhenAllWindowsAreDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &acked{n: 6, gap: time.Second}
		var firstDone time.Duration
		begun := time.Now()
		r := run(t, false, operator.Map(func(_ context.Context, w operator.WindowOf[int]) (int, error) {
			a.mu.Lock()
			if len(a.errs[0]) == 0 {
				firstDone = time.Since(begun)
			}
			a.mu.Unlock()
			if w.Items[0] == 3 {
				return 0, errFlaky
			}
			return len(w.Items), nil
		}), nil, fed(a, operator.Window[int](operator.Sliding(4*time.Second, 2*time.Second))))
		// Items 0 to 5 come at 1 to 6 s: [0] [0 1 2] [1 2 3 4] [3 4 5] [5].
		require.Equal(t, []string{"1", "3", "4", "!", "1"}, r.order)
		require.Equal(t, 4*time.Second, firstDone, "with the second window")
		for i, err := range a.once(t) {
			if i < 3 {
				require.NoError(t, err, i)
			} else {
				require.ErrorIs(t, err, errFlaky, i)
			}
		}
	})
}

func TestWindowRefusesWhatIsWrong(t *testing.T) {
	for want, s := range map[string]stages.Stage[int, operator.WindowOf[int]]{
		"it has no window policy":                                                   operator.Window[int](operator.WindowPolicy{}),
		"the time of a window must be positive":                                     operator.Window[int](operator.Tumbling(0)),
		"the time from one window to the next must be positive, not 0s":             operator.Window[int](operator.Sliding(time.Second, 0)),
		"there are gaps between the windows":                                        operator.Window[int](operator.Sliding(time.Second, time.Minute)),
		"an item must be in at most 1024 windows, not 3600":                         operator.Window[int](operator.Sliding(time.Hour, time.Second)),
		"a window must be no longer than":                                           operator.Window[int](operator.Tumbling(1 << 62)),
		"the gap between sessions must be positive":                                 operator.Window[int](operator.Session(-1)),
		"the gap between sessions must be at most":                                  operator.Window[int](operator.Session(1 << 62)),
		"event time function is nil":                                                operator.Window[int](operator.Tumbling(1), stages.EventTime[int](nil, 0)),
		"lateness is negative":                                                      operator.Window[int](operator.Tumbling(1), stages.EventTime(seconds, -1)),
		"lateness must be at most":                                                  operator.Window[int](operator.Tumbling(1), stages.EventTime(seconds, 1<<62)),
		"function for late items is nil":                                            operator.Window[int](operator.Tumbling(1), stages.Late[int](nil)),
		"key function is nil":                                                       operator.Window[int](operator.Tumbling(1), stages.PerKey[int, int](nil)),
		"event time has a func(string) time.Time, and the items":                    operator.Window[int](operator.Tumbling(1), stages.EventTime(func(string) time.Time { return epoch }, 0)),
		"key has a func(string) string, and the items of the stage are of type int": operator.Window[int](operator.Tumbling(1), stages.PerKey(strings.ToLower)),
		"late has a func(context.Context, string) error, and the":                   operator.Window[int](operator.Tumbling(1), stages.Late(func(context.Context, string) error { return nil })),
	} {
		require.ErrorContains(t, s.(stages.Validator).Validate(), want)
	}
	require.NoError(t, operator.Window[int](operator.Session(1), stages.EventTime(seconds, 0), stages.Capacity(1)).(stages.Validator).Validate())
}

func TestAWindowPolicyTellsWhatItIs(t *testing.T) {
	require.Equal(t, "tumbling 1m0s", operator.Window[int](operator.Tumbling(time.Minute)).(stages.Describer).Describe())
	require.Equal(t, "sliding 1m0s every 1s", operator.Sliding(time.Minute, time.Second).String())
	require.Equal(t, "session 5s", operator.Session(5*time.Second).String())
}

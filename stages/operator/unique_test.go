package operator_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/operator"
	"github.com/weir-go/weir/stages/sink"
)

var errSick = errors.New("sick")

// delivered is one delivery of a message.
type delivered struct{ id, nth int }

func idOf(d delivered) int { return d.id }

// deliveries is a source that brings what it is given, and keeps how each delivery ended.
type deliveries struct {
	in chan delivered

	mu    sync.Mutex
	acked map[delivered][]error
}

func newDeliveries() *deliveries {
	return &deliveries{in: make(chan delivered, 1000), acked: map[delivered][]error{}}
}

func (s *deliveries) Run(_ context.Context, out *stages.Outlet[delivered]) error {
	for d := range s.in {
		out.EmitAcked(func(err error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.acked[d] = append(s.acked[d], err)
		}, d)
	}
	return nil
}

// ended returns how a delivery ended, and whether it has.
func (s *deliveries) ended(d delivered) (error, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.acked[d]) == 0 {
		return nil, false
	}
	return s.acked[d][0], true
}

// desk is a stage at which each delivery stays until it is told how to end.
type desk struct {
	mu   sync.Mutex
	gate map[delivered]chan error
	came []delivered
}

func (d *desk) at(v delivered) chan error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.gate == nil {
		d.gate = map[delivered]chan error{}
	}
	if d.gate[v] == nil {
		d.gate[v] = make(chan error, 1)
	}
	return d.gate[v]
}

func (d *desk) work(_ context.Context, v delivered) (delivered, error) {
	d.mu.Lock()
	d.came = append(d.came, v)
	d.mu.Unlock()
	return v, <-d.at(v)
}

func (d *desk) seen() []delivered {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.came)
}

// unique runs deliveries through a Unique, to a desk.
func unique(t *testing.T, window time.Duration, opts ...stages.UniqueOption) (*deliveries, *desk, func() *flow.Report) {
	src, d := newDeliveries(), &desk{}
	run, err := flow.From(src).Unique(window, idOf, opts...).
		Map("desk", d.work, stages.Workers(50), stages.Unordered()).HandBack(time.Second).
		To(sink.ForEach(func(context.Context, delivered) error { return nil })).Start(t.Context())
	require.NoError(t, err)
	return src, d, func() *flow.Report {
		close(src.in)
		report, err := run.Wait()
		require.NoError(t, err)
		require.NoError(t, report.Check())
		for d, errs := range src.acked {
			require.Len(t, errs, 1, "%v is settled once", d)
		}
		return report
	}
}

// A repeat follows the item that is in the flow, whatever becomes of that.
func TestARepeatFollowsTheFirst(t *testing.T) {
	for name, outcome := range map[string]error{"delivered": nil, "dropped": stages.ErrDrop, "failed": errSick} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				src, desk, wait := unique(t, time.Minute)
				first, second, third := delivered{1, 1}, delivered{1, 2}, delivered{1, 3}
				src.in <- first
				src.in <- second
				src.in <- third
				src.in <- delivered{2, 1}
				synctest.Wait()
				require.ElementsMatch(t, []delivered{first, {2, 1}}, desk.seen())
				_, ended := src.ended(second)
				require.False(t, ended)
				desk.at(first) <- outcome
				synctest.Wait()
				for _, d := range []delivered{first, second, third} {
					err, ended := src.ended(d)
					require.True(t, ended)
					if outcome != errSick { //nolint:errorlint // as the table has it
						require.NoError(t, err)
						continue
					}
					after, back := stages.HandedBack(err)
					require.True(t, back)
					require.Equal(t, time.Second, after)
				}
				src.in <- delivered{1, 4} // acked at once, or let through
				synctest.Wait()
				_, ended = src.ended(delivered{1, 4})
				require.Equal(t, outcome != errSick, ended) //nolint:errorlint // as the table has it
				desk.at(delivered{1, 4}) <- nil
				desk.at(delivered{2, 1}) <- nil
				wait()
				err, ended := src.ended(delivered{1, 4})
				require.True(t, ended)
				require.NoError(t, err)
			})
		})
	}
}

// A key is remembered for the window after its item is done, and not for longer.
func TestAKeyIsForgottenAfterTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src, desk, wait := unique(t, time.Minute)
		src.in <- delivered{1, 1}
		time.Sleep(time.Hour) // it is remembered while it is in the flow
		src.in <- delivered{1, 2}
		synctest.Wait()
		desk.at(delivered{1, 1}) <- nil
		synctest.Wait()
		time.Sleep(time.Minute - 1)
		src.in <- delivered{1, 3}
		synctest.Wait()
		time.Sleep(time.Nanosecond)
		src.in <- delivered{1, 4}
		desk.at(delivered{1, 4}) <- nil
		report := wait()
		require.Equal(t, []delivered{{1, 1}, {1, 4}}, desk.seen())
		l := report.Stages[1].Ledger
		require.EqualValues(t, 1, l.Folded)
		require.EqualValues(t, 1, l.Filtered)
	})
}

func TestTheOldestKeysAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src, desk, wait := unique(t, time.Hour, stages.Capacity(2))
		for id := range 4 {
			src.in <- delivered{id, 1}
			if id != 0 {
				desk.at(delivered{id, 1}) <- nil
				synctest.Wait()
			}
		}
		for id := range 4 {
			src.in <- delivered{id, 2}
		}
		synctest.Wait()
		require.Equal(t, delivered{1, 2}, desk.seen()[4])
		require.Len(t, desk.seen(), 5, "2 and 3 are remembered, and 0 is in the flow")
		desk.at(delivered{1, 2}) <- nil
		desk.at(delivered{0, 1}) <- nil
		wait()
	})
}

// What no source waits for stays so: a failure at the sink stops the run.
func TestUniqueWithoutAcknowledgements(t *testing.T) {
	in := []delivered{{1, 1}, {1, 2}, {2, 1}}
	var got []delivered
	src := stages.SourceFunc[delivered](func(_ context.Context, out *stages.Outlet[delivered]) error {
		for _, v := range in {
			out.Emit(v)
		}
		return nil
	})
	report, err := flow.From(src).Unique(time.Hour, idOf).To(sink.Append(&got)).Run(t.Context())
	require.NoError(t, err)
	require.NoError(t, report.Check())
	require.Equal(t, []delivered{{1, 1}, {2, 1}}, got)
	_, err = flow.From(src).Unique(time.Hour, idOf).
		Map("fail", func(context.Context, delivered) (int, error) { return 0, errSick }).HandBack(time.Second).
		To(sink.ForEach(func(context.Context, int) error { return nil })).Run(t.Context())
	require.ErrorIs(t, err, errSick)
}

// The repeats of an item that is part of a batch, or of several items, follow all of it.
func TestARepeatFollowsAllThatIsMadeOfTheFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newDeliveries()
		branches := flow.From(src).Unique(time.Hour, idOf).Broadcast(2)
		slow := branches[1].Delay(time.Second).Map("fail", func(context.Context, delivered) (delivered, error) { return delivered{}, stages.HandBack(0) })
		run, err := branches[0].Merge(slow).Batch(2, 0).
			To(sink.ForEach(func(context.Context, []delivered) error { return nil })).Start(t.Context())
		require.NoError(t, err)
		src.in <- delivered{1, 1}
		src.in <- delivered{1, 2}
		synctest.Wait()
		_, ended := src.ended(delivered{1, 2})
		require.False(t, ended)
		close(src.in)
		report, err := run.Wait()
		require.NoError(t, err)
		require.NoError(t, report.Check())
		err, ended = src.ended(delivered{1, 2})
		require.True(t, ended)
		require.ErrorIs(t, err, stages.ErrHandedBack)
	})
}

func TestUniqueFailsItemsWhoseKeyIsNone(t *testing.T) {
	for name, key := range map[string]func(int) any{
		"panic":      func(int) any { panic(errSick) },
		"not equal":  func(int) any { return math.NaN() },
		"not hashed": func(int) any { return []int{1} },
	} {
		t.Run(name, func(t *testing.T) {
			var got []int
			report, err := flow.From(stages.SourceFunc[int](func(_ context.Context, out *stages.Outlet[int]) error {
				out.Emit(1)
				out.Emit(2)
				return nil
			})).Unique(time.Hour, func(v int) any {
				if v == 1 {
					return key(v)
				}
				return v
			}).DeadLetter(func(context.Context, *stages.ItemError) error { return nil }).To(sink.Append(&got)).Run(t.Context())
			require.NoError(t, err)
			require.NoError(t, report.Check())
			require.Equal(t, []int{2}, got)
		})
	}
	_, err := flow.From(stages.SourceFunc[int](func(_ context.Context, out *stages.Outlet[int]) error { out.Emit(1); return nil })).
		Unique(time.Hour, func(int) int { runtime.Goexit(); return 0 }).To(sink.Append(new([]int))).Run(t.Context())
	require.ErrorIs(t, err, stages.ErrGoexit)
}

func TestUniqueThatIsSetUpWronglyIsNotValid(t *testing.T) {
	v := operator.Unique[int, int](0, nil, stages.Capacity(0)).(stages.Validator)
	for _, fault := range []string{"window must be positive", "key function is nil", "capacity must be at least 1"} {
		require.ErrorContains(t, v.Validate(), fault)
	}
}

// uniqueModel is Unique as it should be: for each key what its last first is.
type uniqueModel struct {
	first map[int]delivered // in the flow
	until map[int]time.Time // done
	with  map[delivered][]delivered
	want  map[delivered]error // of what has ended
}

// playUnique plays a script against the model: deliveries of a few keys, ends of deliveries, and
// time that passes.
func playUnique(t *testing.T, script []byte) {
	const window = 10 * time.Second
	synctest.Test(t, func(t *testing.T) {
		src, desk, wait := unique(t, window)
		m := uniqueModel{map[int]delivered{}, map[int]time.Time{}, map[delivered][]delivered{}, map[delivered]error{}}
		var passed []delivered
		end := func(id int, err error) {
			d, ok := m.first[id]
			if !ok {
				return
			}
			delete(m.first, id)
			desk.at(d) <- err
			synctest.Wait()
			for _, d := range append(m.with[d], d) {
				m.want[d] = err
			}
			if err == nil {
				m.until[id] = time.Now().Add(window)
			}
		}
		for nth, b := range script {
			id := int(b>>4) % 3
			switch d := (delivered{id, nth}); b % 8 {
			case 0, 1, 2:
				src.in <- d
				synctest.Wait()
				first, open := m.first[id]
				switch {
				case open:
					m.with[first] = append(m.with[first], d)
				case m.until[id].After(time.Now()):
					m.want[d] = nil
				default:
					m.first[id] = d
					passed = append(passed, d)
				}
			case 3, 4:
				end(id, nil)
			case 5:
				end(id, errSick)
			default:
				time.Sleep(time.Duration(b>>4) * time.Second)
			}
			require.ElementsMatch(t, passed, desk.seen())
			src.mu.Lock()
			require.Len(t, src.acked, len(m.want))
			src.mu.Unlock()
			for d, want := range m.want {
				err, ended := src.ended(d)
				assert.True(t, ended, d)
				assert.ErrorIs(t, err, want, d)
			}
		}
		for id := range 3 {
			end(id, nil)
		}
		wait()
	})
}

func FuzzUnique(f *testing.F) {
	f.Add([]byte{0, 1, 3, 0, 0xf6, 0, 3})
	f.Add([]byte{0, 0x10, 1, 5, 0, 0x11, 0x15, 0x10, 3, 0x13})
	f.Fuzz(func(t *testing.T, script []byte) {
		if len(script) <= 200 {
			playUnique(t, script)
		}
	})
}

func TestUniqueAgainstTheModel(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 100 {
		script := make([]byte, 100)
		for i := range script {
			script[i] = byte(r.Uint32())
		}
		playUnique(t, script)
	}
}

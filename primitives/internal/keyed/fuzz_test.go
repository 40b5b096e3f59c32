package keyed_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/weir-go/weir/primitives/internal/keyed"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// counter is a value: it counts its uses, and is needed while it says so.
type counter struct {
	key    int
	uses   int
	needed bool
}

func kind() keyed.Kind[int, *counter, int] {
	return keyed.Kind[int, *counter, int]{
		Build:  func(key int) *counter { return &counter{key: key} },
		Shared: func() *counter { return &counter{key: -1} },
		Needed: func(c *counter) bool { return c.needed },
		Add:    func(sum *int, c *counter) { *sum += c.uses },
	}
}

const idle = time.Minute

// entry is an entry of the table, and of the model.
type entry = keyed.Entry[int, *counter]

// FuzzTable runs a script of pins and releases against a model that is a list in the
// order of use. The first byte is the limit.
func FuzzTable(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 60 {
		script := make([]byte, 300)
		for i := range script {
			script[i] = byte(r.Uint32())
		}
		f.Add(script)
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		if len(script) == 0 || len(script) > 400 {
			return
		}
		synctest.Test(t, func(t *testing.T) {
			m := &model{T: t, limit: 1 + int(script[0]%12), pins: map[*entry]int{}, used: map[*entry]time.Time{}}
			m.table = keyed.New(m.limit, idle, kind())
			for _, b := range script[1:] {
				m.step(b%8, int(b/8))
				m.check()
			}
		})
	})
}

type model struct {
	*testing.T
	table  *keyed.Table[int, *counter, int]
	limit  int
	kept   []*entry // the one looked at next comes first
	shared *entry
	held   []*entry // by pins
	pins   map[*entry]int
	used   map[*entry]time.Time
	uses   int // in all
	want   keyed.Counts
}

func (m *model) step(op byte, n int) {
	switch op {
	case 0, 1, 2:
		m.pin(n)
	case 3, 4:
		if len(m.held) > 0 {
			m.release(n % len(m.held))
		}
	case 5:
		for _, e := range m.kept {
			if e.Key == n%16 {
				e.Value.needed = !e.Value.needed
			}
		}
	case 6:
		time.Sleep(time.Duration(n) * 4 * time.Second)
	case 7: // used at once
		m.pin(n + 16)
		m.release(len(m.held) - 1)
	}
}

func (m *model) pin(key int) {
	if len(m.kept) > 0 && time.Since(m.used[m.kept[0]]) >= idle {
		m.retire()
	}
	i := slices.IndexFunc(m.kept, func(e *entry) bool { return e.Key == key })
	for range 8 {
		if i < 0 && len(m.kept) == m.limit {
			m.retire()
		}
	}
	e, err := m.table.Pin(key)
	require.NoError(m, err)
	e.Value.uses++
	m.uses++
	m.held = append(m.held, e)
	switch {
	case i >= 0:
		require.Same(m, m.kept[i], e)
		m.kept = slices.Delete(m.kept, i, i+1)
	case len(m.kept) == m.limit:
		require.True(m, m.shared == nil || m.shared == e, "keys without room share one value")
		require.Equal(m, -1, e.Value.key)
		m.shared = e
		m.want.Unkept++
		return
	default:
		require.Equal(m, counter{key: key, uses: 1}, *e.Value)
		m.want.Made++
	}
	m.kept = append(m.kept, e)
	m.pins[e]++
	m.used[e] = time.Now()
}

// retire looks at the first entry.
func (m *model) retire() {
	e := m.kept[0]
	m.kept = m.kept[1:]
	if m.pins[e] > 0 || e.Value.needed {
		m.kept = append(m.kept, e)
		return
	}
	m.want.Forgotten++
}

func (m *model) release(i int) {
	e := m.held[i]
	m.held = slices.Delete(m.held, i, i+1)
	m.table.Release(e)
	if m.pins[e] > 0 {
		m.pins[e]--
		m.used[e] = time.Now()
	}
}

func (m *model) check() {
	kept, shared, sum, counts := m.table.Look()
	require.Equal(m, len(m.kept), len(kept))
	require.LessOrEqual(m, len(kept), m.limit)
	m.want.Kept, m.want.Pinned = len(kept), 0
	for i, e := range kept {
		require.Same(m, m.kept[i], e)
		sum += e.Value.uses
		if m.pins[e] > 0 {
			m.want.Pinned++
		}
	}
	require.Equal(m, m.want, counts)
	require.Same(m, m.shared, shared)
	if shared != nil {
		sum += shared.Value.uses
	}
	require.Equal(m, m.uses, sum, "what the forgotten have counted is not lost")
}

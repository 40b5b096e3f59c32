package dedup_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/dedup"
)

// learned is what a caller of the deduplicator learns, but for the token.
type learned struct {
	state dedup.State
	value int
	err   error
}

func learn(checks []dedup.Check[int]) (all []learned) {
	for _, c := range checks {
		all = append(all, learned{c.State, c.Value, c.Err})
	}
	return all
}

// FuzzBatch: a batch is its calls in turn. Two deduplicators of the same policy see
// the same keys in the same order, one in batches and one in single calls.
func FuzzBatch(f *testing.F) {
	for seed := range byte(6) {
		f.Add(seed, uint64(seed))
	}
	f.Fuzz(func(t *testing.T, kind byte, seed uint64) {
		synctest.Test(t, func(t *testing.T) {
			dice := rand.New(rand.NewPCG(seed, 1))
			opts := []dedup.Option{dedup.MaxEntries(1 + dice.IntN(20)), dedup.ErrorTTL(7)}
			if kind%2 == 0 {
				opts = append(opts, dedup.ServeStale(5))
			}
			var hooks []dedup.Hooks[int]
			if kind%3 == 0 {
				hooks = append(hooks, dedup.Hooks[int]{Clone: func(v int) int { return v }})
			}
			p := dedup.Window(time.Duration(dice.IntN(30)), opts...)
			single, err := dedup.New[int](p, hooks...)
			require.NoError(t, err)
			batched, err := dedup.New[int](p, hooks...)
			require.NoError(t, err)
			var mine, theirs []dedup.Token
			var told, toldToo []string
			for range 30 {
				time.Sleep(time.Duration(dice.IntN(5)))
				n := dice.IntN(150)
				keys, followers := make([]int, n), make([]dedup.Follower[int], n)
				want, checks := make([]dedup.Check[int], n), make([]dedup.Check[int], n)
				for i := range keys {
					keys[i] = dice.IntN(40)
					var f dedup.Follower[int]
					if dice.IntN(3) > 0 {
						f = told1(&told, i)
						followers[i] = told1(&toldToo, i)
					}
					want[i] = single.Join(keys[i], f)
				}
				batched.JoinAll(checks, keys, followers)
				require.Equal(t, learn(want), learn(checks))
				for i := range checks {
					if s := checks[i].State; s == dedup.First || s == dedup.Stale {
						mine, theirs = append(mine, want[i].Token), append(theirs, checks[i].Token)
					}
				}
				n = dice.IntN(len(mine) + 1)
				values, acted := make([]int, n), 0
				for i := range values {
					values[i] = dice.Int()
					if single.Complete(mine[i], values[i]) {
						acted++
					}
				}
				require.Equal(t, acted, batched.CompleteAll(theirs[:n], values))
				require.Zero(t, batched.CompleteAll(theirs[:n], values), "each token acts once")
				require.Equal(t, told, toldToo)
				require.Equal(t, single.Snapshot(), batched.Snapshot())
				mine, theirs = mine[n:], theirs[n:]
				if len(mine) > 0 && dice.IntN(3) == 0 {
					require.True(t, single.Fail(mine[0], errDown))
					require.True(t, batched.Fail(theirs[0], errDown))
					mine, theirs = mine[1:], theirs[1:]
				}
			}
		})
	})
}

// told1 is a follower that writes down what it is told.
func told1(to *[]string, n int) dedup.Follower[int] {
	return told(func(v int, err error) { *to = append(*to, fmt.Sprint(n, v, err)) })
}

// Neighbours may be in different shards, keys without a hash among them, and there
// need be no followers.
func TestABatchOfManyShards(t *testing.T) {
	d := make1[any, int](t, dedup.Window(time.Minute))
	var keys []any
	for i := range 1000 {
		keys = append(keys, i)
	}
	keys[500], keys[501] = []int{1}, 7
	checks := make([]dedup.Check[int], len(keys))
	d.JoinAll(checks, keys, nil)
	tokens := make([]dedup.Token, len(keys))
	for i, c := range checks {
		switch i {
		case 500:
			require.Equal(t, dedup.Invalid, c.State)
		case 501:
			require.Equal(t, dedup.InProgress, c.State)
		default:
			require.Equal(t, dedup.First, c.State, i)
		}
		tokens[i] = c.Token
	}
	require.Equal(t, 998, d.CompleteAll(tokens, make([]int, len(keys))))
	require.Equal(t, 998, d.Snapshot().Cached)
}

// A follower may use the deduplicator, and is told before the rest is ended.
func TestAFollowerOfABatchMayAskAgain(t *testing.T) {
	d := make1[string, int](t, dedup.Window(0, dedup.Shards(1)))
	a, b := d.Check("a"), d.Check("b")
	var again []dedup.State
	d.Join("a", told(func(int, error) { again = append(again, d.Check("a").State, d.Check("b").State) }))
	require.Equal(t, 2, d.CompleteAll([]dedup.Token{a.Token, b.Token}, []int{1, 2}))
	require.Equal(t, []dedup.State{dedup.First, dedup.InProgress}, again)
}

// With one shard a cap is exact, however large.
func TestOneShardMakesACapExact(t *testing.T) {
	const n = 10_000
	d := make1[int, int](t, dedup.Window(time.Minute, dedup.MaxEntries(n), dedup.Shards(1)))
	for i := range n + 100 {
		d.Complete(d.Check(i).Token, i)
	}
	require.Equal(t, n, d.Snapshot().Cached)
	require.False(t, d.Contains(99), "the oldest went first")
	require.True(t, d.Contains(100))
}

// A column has up to 64 places, of which some are duplicates that wait for others.
func TestABatchAllocatesNothing(t *testing.T) {
	for _, shards := range []int{1, 16} {
		d := make1[int, int](t, dedup.Window(time.Minute, dedup.MaxEntries(1<<14), dedup.Shards(shards)))
		column := newColumn()
		for range 2000 { // grown to the size at which it stays
			column.round(t, d, 64)
		}
		for n := range 65 {
			require.Zero(t, testing.AllocsPerRun(10, func() { column.round(t, d, n) }), n)
		}
	}
}

// column is what a stream has at hand: of its places the second half has the keys of the
// first.
type column struct {
	keys      [64]int
	values    [64]int
	checks    [64]dedup.Check[int]
	tokens    [64]dedup.Token
	followers [64]dedup.Follower[int]
	told      [64]place
	next      int
}

// place is a follower that counts.
type place struct{ told, value int }

func (p *place) Done(v int, _ error) { p.told, p.value = p.told+1, v }

func newColumn() *column {
	c := new(column)
	for i := range c.followers {
		c.followers[i] = &c.told[i]
	}
	return c
}

// round joins n places and completes the ones that were the first.
func (c *column) round(t *testing.T, d *dedup.Dedup[int, int], n int) {
	first := n - n/2
	for i := range n {
		c.keys[i] = c.next + i%max(first, 1)
		c.values[i] = c.keys[i]
	}
	c.next += first
	clear(c.told[:])
	d.JoinAll(c.checks[:n], c.keys[:n], c.followers[:n])
	for i := range n {
		c.tokens[i] = c.checks[i].Token
	}
	if acted := d.CompleteAll(c.tokens[:n], c.values[:n]); acted != first {
		t.Error(acted, "of", first)
	}
	for i := range n {
		if want := i / max(first, 1); c.told[i].told != want || want > 0 && c.told[i].value != c.keys[i] {
			t.Error(i, "of", n, "was told", c.told[i])
		}
	}
}

// Fault: each ebb of the keys in flight gave back the memory that the next flood took.
func TestEbbAndFloodAllocateNothing(t *testing.T) {
	d := make1[int, int](t, dedup.Window(0, dedup.Shards(1)))
	tokens := make([]dedup.Token, 3000)
	tide := func() {
		for i := range tokens {
			tokens[i] = d.Check(i).Token
		}
		for _, token := range tokens {
			d.Complete(token, 1)
		}
	}
	tide()
	require.Zero(t, testing.AllocsPerRun(10, tide))
}

// A stream that has many items asks for all of them at once.
func ExampleDedup_JoinAll() {
	d := mustNew(dedup.Window(time.Minute))
	checks := make([]dedup.Check[string], 3)
	d.JoinAll(checks, []string{"a", "b", "a"}, []dedup.Follower[string]{item(1), item(2), item(3)})
	for _, c := range checks {
		fmt.Println(c.State)
	}
	d.CompleteAll([]dedup.Token{checks[0].Token, checks[1].Token}, []string{"A", "B"})
	// Output:
	// first
	// first
	// in progress
	// item 3 gets A <nil>
}

func ExampleDedup_CompleteAll() {
	d := mustNew(dedup.Window(time.Minute))
	a, b := d.Check("a"), d.Check("b")
	fmt.Println(d.CompleteAll([]dedup.Token{a.Token, b.Token, a.Token}, []string{"A", "B", "C"}))
	fmt.Println(d.Get("a"))
	// Output:
	// 2
	// A true
}

func ExampleShards() {
	p := dedup.Window(time.Minute, dedup.Shards(0))
	fmt.Println(p.Validate())
	d := mustNew(dedup.Window(time.Minute, dedup.Shards(1))) // for one goroutine
	fmt.Println(d.Check("k").State)
	// Output:
	// dedup: invalid policy: shards 0 is below 1
	// first
}

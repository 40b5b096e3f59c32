package dedup_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/weir-go/weir/primitives/dedup"
	"github.com/weir-go/weir/primitives/outcome"
)

// mustNew is for examples; New returns an error if the policy is wrong.
func mustNew(p dedup.Policy) *dedup.Dedup[string, string] {
	d, err := dedup.New[string, string](p)
	if err != nil {
		panic(err)
	}
	return d
}

func Example() {
	d, err := dedup.New[string, string](dedup.Window(time.Minute, dedup.Name("prompts")))
	if err != nil {
		fmt.Println(err)
		return
	}
	ask := func(context.Context) (string, error) {
		fmt.Println("the model is asked")
		return "a low dam", nil
	}
	for range 3 {
		answer, err := d.Do(context.Background(), "what is a weir?", ask)
		fmt.Println(answer, err)
	}
	// Output:
	// the model is asked
	// a low dam <nil>
	// a low dam <nil>
	// a low dam <nil>
}

func ExampleNew() {
	_, err := dedup.New[string, int](dedup.Window(-time.Second, dedup.Name("prompts"), dedup.MaxEntries(0)))
	fmt.Println(errors.Is(err, dedup.ErrPolicy))
	fmt.Println(err)
	// Output:
	// true
	// dedup "prompts": invalid policy: ttl -1s is negative; max entries 0 is below 1
}

// A deduplicator as a package variable, of a policy that is known to be valid.
var answers = dedup.Of[string, string](dedup.Window(time.Minute, dedup.Name("answers")))

func ExampleOf() {
	answer, err := answers.Do(context.Background(), "what is a weir?", func(context.Context) (string, error) {
		return "a low dam", nil
	})
	fmt.Println(answer, err)
	// Output: a low dam <nil>
}

func ExampleDedup_Err() {
	d := dedup.Of[string, string](dedup.Window(-time.Second))
	fmt.Println(d.Err())
	_, err := d.Do(context.Background(), "k", nil)
	fmt.Println(err == d.Err())
	// Output:
	// dedup: invalid policy: ttl -1s is negative
	// true
}

// Equal mails are sent once a minute.
func ExampleDedup_Run() {
	sent := dedup.Of[string, struct{}](dedup.Window(time.Minute))
	for range 2 {
		err := sent.Run(context.Background(), "welcome to ada@example.org", func(context.Context) error {
			fmt.Println("sent")
			return nil
		})
		fmt.Println(err)
	}
	// Output:
	// sent
	// <nil>
	// <nil>
}

func ExampleSetOf() {
	events := dedup.SetOf[string](dedup.Window(time.Hour))
	fmt.Println(events.Seen("a"))
	fmt.Println(events.Seen("a"))
	// Output:
	// false <nil>
	// true <nil>
}

func ExampleSet_Err() {
	s := dedup.SetOf[string](dedup.Window(0))
	fmt.Println(s.Err())
	// Output: dedup: invalid policy: a set with a ttl of 0 remembers nothing
}

func ExampleWindow() {
	kept := dedup.Window(time.Minute)
	inFlightOnly := dedup.Window(0)
	fmt.Println(kept.TTL(), inFlightOnly.TTL(), inFlightOnly.Validate())
	// Output: 1m0s 0s <nil>
}

func ExampleName() {
	fmt.Println(dedup.Window(time.Minute, dedup.Name("prompts")).Name())
	// Output: prompts
}

func ExampleMaxEntries() {
	d := mustNew(dedup.Window(time.Minute, dedup.MaxEntries(2)))
	for _, key := range []string{"a", "b", "c"} {
		d.Complete(d.Check(key).Token, "")
	}
	fmt.Println(d.Contains("a"), d.Contains("b"), d.Contains("c"))
	// Output: false true true
}

// The results that are kept weigh at most 10 together.
func ExampleMaxWeight() {
	d, err := dedup.New[string](dedup.Window(time.Minute, dedup.MaxWeight(10)),
		dedup.Hooks[string]{Weigh: func(v string) int64 { return int64(len(v)) }})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, key := range []string{"a", "b", "c"} {
		d.Complete(d.Check(key).Token, "1234")
	}
	fmt.Println(d.Contains("a"), d.Contains("b"), d.Contains("c"), d.Snapshot().Weight)
	// Output: false true true 8
}

// While the service is down, its error is kept as well.
func ExampleErrorTTL() {
	d := mustNew(dedup.Window(time.Minute, dedup.ErrorTTL(30*time.Second)))
	for range 2 {
		_, err := d.Do(context.Background(), "k", func(context.Context) (string, error) {
			fmt.Println("asked")
			return "", errors.New("503")
		})
		fmt.Println(err)
	}
	// Output:
	// asked
	// 503
	// dedup: kept from an earlier run: 503
}

// "Not found" is an answer, and the only error that is kept here.
func ExampleClassify() {
	notFound := errors.New("not found")
	d := mustNew(dedup.Window(time.Minute, dedup.ErrorTTL(time.Minute), dedup.Classify(
		func(ctx context.Context, err error) outcome.Outcome {
			if errors.Is(err, notFound) {
				return outcome.Outcome{Kind: outcome.Permanent}
			}
			return outcome.Outcome{Kind: outcome.Ignored}
		})))
	d.Fail(d.Check("a").Token, notFound)
	d.Fail(d.Check("b").Token, errors.New("503"))
	fmt.Println(d.Check("a").Err, "-", d.Check("b").State)
	// Output: dedup: kept from an earlier run: not found - first
}

// The ttl of each result is between 54 s and 60 s.
func ExampleJitter() {
	d := mustNew(dedup.Window(time.Minute, dedup.Jitter(0.1)))
	d.Complete(d.Check("k").Token, "v")
	fmt.Println(d.Contains("k"))
	// Output: true
}

// One caller renews a stale value; all others are served it meanwhile.
func ExampleServeStale() {
	d := mustNew(dedup.Window(time.Nanosecond, dedup.ServeStale(time.Hour)))
	d.Complete(d.Check("k").Token, "old")
	for range 2 {
		c := d.Check("k")
		fmt.Println(c.State, c.Value)
	}
	v, err := d.Do(context.Background(), "k", nil)
	fmt.Println(v, err)
	// Output:
	// stale old
	// cached old
	// old <nil>
}

// A value that took 1 s to get is renewed about 1 s before its minute is over.
func ExampleEarly() {
	d := mustNew(dedup.Window(time.Minute, dedup.Early(1)))
	v, err := d.Do(context.Background(), "k", func(context.Context) (string, error) { return "v", nil })
	fmt.Println(v, err, d.Check("k").State)
	// Output: v <nil> cached
}

func ExampleUnbounded() {
	fmt.Println(dedup.Window(time.Minute).MaxEntries())
	fmt.Println(dedup.Window(time.Minute, dedup.Unbounded()).MaxEntries())
	// Output:
	// 65536
	// 0
}

func ExamplePolicy_Name() {
	fmt.Printf("%q\n", dedup.Window(time.Minute).Name())
	// Output: ""
}

func ExamplePolicy_TTL() {
	fmt.Println(dedup.Window(time.Minute).TTL())
	// Output: 1m0s
}

func ExamplePolicy_MaxEntries() {
	fmt.Println(dedup.Window(time.Minute, dedup.MaxEntries(10)).MaxEntries())
	// Output: 10
}

func ExamplePolicy_Validate() {
	fmt.Println(dedup.Policy{}.Validate())
	// Output: dedup: invalid policy: the zero policy, not made by Window
}

func ExamplePolicy_Policy() {
	var source dedup.Source = dedup.Window(time.Minute, dedup.Name("own"))
	fmt.Println(source.Policy().Name())
	// Output: own
}

func ExampleDedup_Policy() {
	var source dedup.Source = mustNew(dedup.Window(time.Minute, dedup.Name("shared")))
	_, shared := source.(*dedup.Dedup[string, string])
	fmt.Println(source.Policy().Name(), shared)
	// Output: shared true
}

// One call serves all callers that ask while it runs.
func ExampleDedup_Do() {
	d := mustNew(dedup.Window(0))
	started, release := make(chan bool), make(chan bool)
	var wg sync.WaitGroup
	wg.Go(func() {
		_, _ = d.Do(context.Background(), "k", func(context.Context) (string, error) {
			close(started)
			<-release
			return "shared", nil
		})
	})
	<-started
	for range 3 {
		wg.Go(func() {
			v, err := d.Do(context.Background(), "k", func(context.Context) (string, error) {
				return "a second call", nil
			})
			fmt.Println(v, err)
		})
	}
	for d.Snapshot().Shared < 3 {
		runtime.Gosched()
	}
	close(release)
	wg.Wait()
	// Output:
	// shared <nil>
	// shared <nil>
	// shared <nil>
}

func ExampleTTL() {
	d := mustNew(dedup.Window(time.Hour))
	f := func(context.Context) (string, error) { return "v", nil }
	_, _ = d.Do(context.Background(), "kept", f)
	_, _ = d.Do(context.Background(), "not kept", f, dedup.TTL(0))
	fmt.Println(d.Contains("kept"), d.Contains("not kept"))
	// Output: true false
}

// A batch reads the clock once.
func ExampleAt() {
	d := mustNew(dedup.Window(time.Hour))
	now := time.Now()
	for _, key := range []string{"a", "b", "a"} {
		c := d.Check(key, dedup.At(now))
		fmt.Println(key, c.State)
		d.Complete(c.Token, "v", dedup.At(now))
	}
	// Output:
	// a first
	// b first
	// a cached
}

// Check is for code that owns the call: it never waits.
func ExampleDedup_Check() {
	d := mustNew(dedup.Window(time.Minute))
	c := d.Check("k")
	fmt.Println(c.State)
	fmt.Println(d.Check("k").State)
	d.Complete(c.Token, "done")
	c = d.Check("k")
	fmt.Println(c.State, c.Value)
	// Output:
	// first
	// in progress
	// cached done
}

// item is a follower: in a stream, an item that is parked until its twin is back.
type item int

func (i item) Done(v string, err error) { fmt.Println("item", i, "gets", v, err) }

func ExampleDedup_Join() {
	d := mustNew(dedup.Window(time.Minute))
	owner := d.Check("k")
	d.Join("k", item(2))
	d.Join("k", item(3))
	d.Complete(owner.Token, "the answer")
	// Output:
	// item 2 gets the answer <nil>
	// item 3 gets the answer <nil>
}

func ExampleDedup_CheckAll() {
	d := mustNew(dedup.Window(time.Minute))
	for _, c := range d.CheckAll([]string{"a", "b", "a"}) {
		fmt.Println(c.State)
	}
	// Output:
	// first
	// first
	// in progress
}

// Only the first use of a token counts.
func ExampleDedup_Complete() {
	d := mustNew(dedup.Window(time.Minute))
	c := d.Check("k")
	fmt.Println(d.Complete(c.Token, "v"), d.Complete(c.Token, "w"))
	fmt.Println(d.Get("k"))
	// Output:
	// true false
	// v true
}

func ExampleDedup_Fail() {
	d := mustNew(dedup.Window(time.Minute))
	c := d.Check("k")
	d.Join("k", item(2))
	d.Fail(c.Token, errors.New("503"))
	fmt.Println(d.Check("k").State)
	// Output:
	// item 2 gets  503
	// first
}

func ExampleDedup_Get() {
	d := mustNew(dedup.Window(time.Minute))
	_, ok := d.Get("k")
	fmt.Println(ok)
	d.Complete(d.Check("k").Token, "v")
	fmt.Println(d.Get("k"))
	// Output:
	// false
	// v true
}

func ExampleDedup_Contains() {
	d := mustNew(dedup.Window(time.Minute))
	c := d.Check("k")
	fmt.Println(d.Contains("k"))
	d.Complete(c.Token, "v")
	fmt.Println(d.Contains("k"))
	// Output:
	// false
	// true
}

func ExampleDedup_Purge() {
	d := mustNew(dedup.Window(time.Minute))
	d.Complete(d.Check("k").Token, "v", dedup.TTL(time.Nanosecond))
	for d.Contains("k") { // until the nanosecond is over
	}
	fmt.Println(d.Purge(), d.Purge())
	// Output: 1 0
}

func ExampleDedup_EvictOldest() {
	d := mustNew(dedup.Window(time.Minute))
	d.Complete(d.Check("k").Token, "v")
	fmt.Println(d.EvictOldest(), d.EvictOldest())
	// Output: true false
}

// After a change the old result is forgotten, and the run that reads it just now keeps
// nothing.
func ExampleDedup_Forget() {
	d := mustNew(dedup.Window(time.Minute))
	reads := d.Check("k")
	fmt.Println(d.Forget("k"))
	d.Complete(reads.Token, "from before")
	fmt.Println(d.Contains("k"))
	// Output:
	// true
	// false
}

// Each caller gets its own copy, and may change it.
func ExampleHooks() {
	d, err := dedup.New[string](dedup.Window(time.Minute), dedup.Hooks[[]string]{Clone: slices.Clone[[]string]})
	if err != nil {
		fmt.Println(err)
		return
	}
	d.Complete(d.Check("k").Token, []string{"a", "b"})
	mine, _ := d.Get("k")
	mine[0] = "changed"
	yours, _ := d.Get("k")
	fmt.Println(yours)
	// Output: [a b]
}

func ExampleNewSet() {
	seen, err := dedup.NewSet[string](dedup.Window(time.Hour, dedup.MaxEntries(1_000_000)))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, event := range []string{"a", "b", "a"} {
		if again, err := seen.Seen(event); err == nil && !again {
			fmt.Println(event)
		}
	}
	// Output:
	// a
	// b
}

func mustSet() *dedup.Set[string] {
	s, err := dedup.NewSet[string](dedup.Window(time.Hour))
	if err != nil {
		panic(err)
	}
	return s
}

func ExampleSet_Seen() {
	s := mustSet()
	fmt.Println(s.Seen("k"))
	fmt.Println(s.Seen("k"))
	// Output:
	// false <nil>
	// true <nil>
}

func ExampleSet_Forget() {
	s := mustSet()
	_, _ = s.Seen("k")
	fmt.Println(s.Forget("k"))
	fmt.Println(s.Seen("k"))
	// Output:
	// true
	// false <nil>
}

func ExampleSet_Clear() {
	s := mustSet()
	_, _ = s.Seen("k")
	s.Clear()
	fmt.Println(s.Seen("k"))
	// Output: false <nil>
}

func ExampleSet_Snapshot() {
	s := mustSet()
	for _, k := range []string{"a", "b", "a"} {
		_, _ = s.Seen(k)
	}
	fmt.Println(s.Snapshot().Cached, "keys,", s.Snapshot().Hits, "dropped")
	// Output: 2 keys, 1 dropped
}

func ExampleDedup_Clear() {
	d := mustNew(dedup.Window(time.Minute))
	d.Complete(d.Check("k").Token, "v")
	d.Clear()
	fmt.Println(d.Contains("k"))
	// Output: false
}

func ExampleDedup_Snapshot() {
	d := mustNew(dedup.Window(time.Minute, dedup.Name("prompts")))
	c := d.Check("k")
	d.Check("k")
	d.Complete(c.Token, "v")
	d.Check("k")
	s := d.Snapshot()
	fmt.Println(s.Name, "cached", s.Cached, "misses", s.Misses, "shared", s.Shared, "hits", s.Hits)
	// Output: prompts cached 1 misses 1 shared 1 hits 1
}

func ExampleState_String() {
	fmt.Println(dedup.First, "-", dedup.InProgress, "-", dedup.Cached, "-", dedup.Stale, "-", dedup.Invalid)
	// Output: first - in progress - cached - stale - invalid
}

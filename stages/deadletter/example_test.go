package deadletter_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/sourcegraph/conc"

	"github.com/weir-go/weir/internal/rig"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/deadletter"
	"github.com/weir-go/weir/stages/operator"
	"github.com/weir-go/weir/stages/sink"
)

var errDown = errors.New("service is down")

// failed is an item that failed, as a dead-letter stage gives it to Put.
func failed(v int) *stages.ItemError {
	return &stages.ItemError{Stage: "charge", Value: v, Err: errDown, Attempts: 3}
}

// run joins source, stage and sink by hand, as package flow does for a graph.
func run[I, O any](src stages.Source[I], stage stages.Stage[I, O], sink stages.Sink[O]) error {
	rt := rig.New(context.Background(), false, "source", "stage", "sink")
	defer rt.Close()
	n := rt.Nodes()
	out, in := rig.Link[I](rt, n[0], n[1], 256)
	next, last := rig.Link[O](rt, n[1], n[2], 256)
	var wg conc.WaitGroup
	wg.Go(func() { rig.RunSource(src, out) })
	wg.Go(func() { rig.RunStage(stage, in, next) })
	rig.RunSink(sink, last)
	wg.Wait()
	return rt.Err()
}

func ExampleMemory() {
	store := &deadletter.Memory[int]{Max: 2}
	for v := range 3 {
		if err := store.Put(context.Background(), failed(v)); err != nil {
			panic(err)
		}
	}
	for l := range store.Letters(context.Background()) {
		fmt.Println(l.ID, l.Value, l.Stage, l.Cause, l.Attempts)
	}
	fmt.Println(store.Len(), "kept,", store.Evicted(), "evicted")
	// Output:
	// 2 1 charge service is down 3
	// 3 2 charge service is down 3
	// 2 kept, 1 evicted
}

func ExampleOpenFile() {
	dir, err := os.MkdirTemp("", "letters")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	store, err := deadletter.OpenFile[int](filepath.Join(dir, "dead.jsonl"))
	if err != nil {
		panic(err)
	}
	defer store.Close()
	_ = store.Put(context.Background(), failed(41))
	_ = store.Put(context.Background(), failed(42))
	_ = store.Remove(context.Background(), 1)
	for l, err := range store.Letters(context.Background()) {
		fmt.Println(l.Value, l.Cause, err)
	}
	fmt.Println(store.Len(), store.Skipped())
	// Output:
	// 42 service is down <nil>
	// 1 <nil>
}

// A second process, or a second call in the same one, is refused: the error tells
// which process has the file open.
func ExampleLockedError() {
	dir, err := os.MkdirTemp("", "letters")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	store, err := deadletter.OpenFile[int](filepath.Join(dir, "dead.jsonl"))
	if err != nil {
		panic(err)
	}
	defer store.Close()
	_, err = deadletter.OpenFile[int](filepath.Join(dir, "dead.jsonl"))
	var locked *deadletter.LockedError
	if errors.As(err, &locked) {
		fmt.Println(filepath.Base(locked.Path), locked.PID == os.Getpid(), errors.Is(err, deadletter.ErrLocked))
	}
	// Output: dead.jsonl true true
}

func ExampleLockedError_Error() {
	fmt.Println(&deadletter.LockedError{Path: "dead.jsonl", PID: 4711, Host: "worker-2", Since: time.Unix(1790000000, 0).UTC()})
	fmt.Println(&deadletter.LockedError{Path: "dead.jsonl"})
	// Output:
	// deadletter: dead.jsonl is open in process 4711 on worker-2 since 2026-09-21T14:13:20Z
	// deadletter: dead.jsonl is open in an unknown process
}

func ExampleLockedError_Unwrap() {
	err := error(&deadletter.LockedError{Path: "dead.jsonl"})
	fmt.Println(errors.Is(err, deadletter.ErrLocked))
	// Output: true
}

// The service is up again, for all but one: its letter stays.
func ExampleReplay() {
	store := &deadletter.Memory[int]{}
	for v := range 3 {
		_ = store.Put(context.Background(), failed(v))
	}
	replay := &deadletter.Replay[int]{Store: store}
	charge := operator.Map(func(_ context.Context, v int) (int, error) {
		if v == 2 {
			return 0, errDown
		}
		return v, nil
	})
	_ = run(replay, charge, sink.ForEach(func(context.Context, int) error { return nil }))
	fmt.Printf("%+v, %d left\n", replay.Report(), store.Len())
	// Output: {Replayed:3 Done:2 Failed:1 Unsettled:0}, 1 left
}

// A store of your own makes its letters of a failed item.
func ExampleOf() {
	letters, err := deadletter.Of[int](&stages.ItemError{Stage: "save", Value: []int{7, 8}, Err: errDown})
	for _, l := range letters {
		fmt.Println(l.Value, l.Stage, l.Cause, err)
	}
	// Output:
	// 7 save service is down <nil>
	// 8 save service is down <nil>
}

// A letter that was mended by hand is taken out.
func ExampleMemory_Remove() {
	store := &deadletter.Memory[int]{}
	_ = store.Put(context.Background(), failed(41))
	_ = store.Put(context.Background(), failed(42))
	for l := range store.Letters(context.Background()) {
		if l.Value == 41 {
			fmt.Println(store.Remove(context.Background(), l.ID))
		}
	}
	fmt.Println(store.Len())
	// Output:
	// <nil>
	// 1
}

func ExampleReplay_Validate() {
	fmt.Println((&deadletter.Replay[int]{}).Validate())
	// Output: store of dead letters is nil
}

// Two runs: what is dead-lettered again is a new letter, with one more replay.
func ExampleReplay_Run() {
	store := &deadletter.Memory[int]{}
	_ = store.Put(context.Background(), failed(41))
	down := operator.Map(func(context.Context, int) (int, error) { return 0, errDown })
	for range 2 {
		rt := rig.New(context.Background(), false, "replay", "charge", "letters", "sink")
		n := rt.Nodes()
		toCharge, atCharge := rig.Link[int](rt, n[0], n[1], 8)
		toLetters, atLetters := rig.Link[int](rt, n[1], n[2], 8)
		toSink, atSink := rig.Link[int](rt, n[2], n[3], 8)
		rig.RunSource(&deadletter.Replay[int]{Store: store}, toCharge)
		rig.RunStage(down, atCharge, toLetters)
		rig.RunStage(operator.DeadLetter[int](store.Put), atLetters, toSink)
		rig.RunSink(sink.ForEach(func(context.Context, int) error { return nil }), atSink) // nothing comes so far
		rt.Close()
	}
	for l := range store.Letters(context.Background()) {
		fmt.Println(l.Value, l.Stage, l.Replays)
	}
	// Output: 41 charge 2
}

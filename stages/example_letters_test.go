package stages_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/weir-go/weir/stages"
)

var errDown = errors.New("service is down")

// failed is an item that failed, as a dead-letter stage gives it to Put.
func failed(v int) *stages.ItemError {
	return &stages.ItemError{Stage: "charge", Value: v, Err: errDown, Attempts: 3}
}

func ExampleMemoryLetters() {
	store := &stages.MemoryLetters[int]{Max: 2}
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

func ExampleOpenLetters() {
	dir, err := os.MkdirTemp("", "letters")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	store, err := stages.OpenLetters[int](filepath.Join(dir, "dead.jsonl"))
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

// The service is up again, for all but one: its letter stays.
func ExampleReplay() {
	store := &stages.MemoryLetters[int]{}
	for v := range 3 {
		_ = store.Put(context.Background(), failed(v))
	}
	replay := &stages.Replay[int]{Store: store}
	charge := stages.Map(func(_ context.Context, v int) (int, error) {
		if v == 2 {
			return 0, errDown
		}
		return v, nil
	})
	_ = run(replay, charge, stages.ForEach(func(context.Context, int) error { return nil }))
	fmt.Printf("%+v, %d left\n", replay.Report(), store.Len())
	// Output: {Replayed:3 Done:2 Failed:1 Aborted:0}, 1 left
}

// A store of your own makes its letters of a failed item.
func ExampleLettersOf() {
	letters, err := stages.LettersOf[int](&stages.ItemError{Stage: "save", Value: []int{7, 8}, Err: errDown})
	for _, l := range letters {
		fmt.Println(l.Value, l.Stage, l.Cause, err)
	}
	// Output:
	// 7 save service is down <nil>
	// 8 save service is down <nil>
}

// Whoever has mended a letter by hand takes it out.
func ExampleMemoryLetters_Remove() {
	store := &stages.MemoryLetters[int]{}
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
	fmt.Println((&stages.Replay[int]{}).Validate())
	// Output: store of dead letters is nil
}

// Two runs: what is dead-lettered again is a new letter, with one more replay.
func ExampleReplay_Run() {
	store := &stages.MemoryLetters[int]{}
	_ = store.Put(context.Background(), failed(41))
	down := stages.Map(func(context.Context, int) (int, error) { return 0, errDown })
	for range 2 {
		rt := stages.NewRuntime(context.Background(), false, "replay", "charge", "letters", "sink")
		n := rt.Nodes()
		toCharge, atCharge := stages.Link[int](rt, n[0], n[1], 8)
		toLetters, atLetters := stages.Link[int](rt, n[1], n[2], 8)
		toSink, atSink := stages.Link[int](rt, n[2], n[3], 8)
		stages.RunSource(&stages.Replay[int]{Store: store}, toCharge)
		stages.RunStage(down, atCharge, toLetters)
		stages.RunStage(stages.DeadLetter[int](store.Put), atLetters, toSink)
		stages.RunSink(show[int](), atSink) // nothing comes so far
		rt.Close()
	}
	for l := range store.Letters(context.Background()) {
		fmt.Println(l.Value, l.Stage, l.Replays)
	}
	// Output: 41 charge 2
}

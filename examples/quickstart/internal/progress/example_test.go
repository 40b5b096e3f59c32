package progress_test

import (
	"os"

	"github.com/weir-go/weir/examples/quickstart/internal/progress"
)

func ExampleNew() {
	p := progress.New(os.Stdout, 3)
	p.Add(3)
	p.Close()
	// Output: 3 of 3 (100 %) after 0s
}

func ExampleProgress_Add() {
	p := progress.New(os.Stdout, 4)
	p.Add(1)
	p.Add(2)
	p.Close()
	// Output: 3 of 4 (75 %) after 0s
}

func ExampleProgress_Grow() {
	p := progress.New(os.Stdout, 0)
	p.Grow(2)
	p.Add(1)
	p.Close()
	// Output: 1 of 2 (50 %) after 0s
}

func ExampleProgress_Note() {
	p := progress.New(os.Stdout, 1)
	p.Note("%s is open", "model")
	p.Close()
	// Output:
	// model is open
	// 0 of 1 (0 %) after 0s
}

func ExampleProgress_Close() {
	p := progress.New(os.Stdout, 1)
	p.Close()
	p.Close()
	// Output: 0 of 1 (0 %) after 0s
}

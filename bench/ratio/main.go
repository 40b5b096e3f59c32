// Ratio reads the output of go test -bench from stdin, or from the files named,
// and prints how weir compares: for each benchmark and figure the median of
// each implementation, and weir's median divided by it, which is below 1 where
// weir is better.
//
//	go test -run xxx -bench . -cpu 1,2 -count 5 . | go run ./ratio
//
// It shows several implementations in a table that fits a page, as quotients,
// which is how the project states its bars; benchstat shows two at a time well,
// with their spread, and is the better tool to compare two commits.
package main

import (
	"fmt"
	"io"
	"os"
)

func main() {
	if err := run(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "ratio:", err)
		os.Exit(1)
	}
}

func run(files []string, in io.Reader, out io.Writer) error {
	var r record
	if len(files) == 0 {
		if err := r.read(in); err != nil {
			return err
		}
	}
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		err = r.read(f)
		f.Close()
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if len(r.series) == 0 {
		return fmt.Errorf("no benchmark with /impl= in the input")
	}
	return r.print(out)
}

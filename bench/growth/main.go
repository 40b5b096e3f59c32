// Growth shows how the cost of an item grows with the number of items in a run and
// of stages in a row. It does the same for items that wait for their next try, and
// for keys in a deduplicator. It prints a table for each, in about a minute on two
// cores:
//
//	cd bench
//	go run ./growth
//
// Time per item is the processor time of the whole process, divided by the items;
// waiting costs none. Bytes are the largest growth of the live heap during the run.
// With -short each table ends two rows early.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
)

func main() {
	short := flag.Bool("short", false, "leave out the largest rows")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "growth: takes no arguments but -short")
		os.Exit(2)
	}
	if err := run(os.Stdout, *short); err != nil {
		fmt.Fprintln(os.Stderr, "growth:", err)
		os.Exit(1)
	}
}

func run(out io.Writer, short bool) error {
	for _, s := range []sweep{items, stagesInARow, asleep, keys} {
		if short {
			s.sizes = s.sizes[:len(s.sizes)-2]
		}
		if err := s.print(out); err != nil {
			return err
		}
	}
	return nil
}

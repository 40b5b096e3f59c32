// Ratio reads the output of go test -bench from stdin, or from the files named, and
// prints how the implementations compare. For each benchmark and figure it prints
// the median of each implementation, and weir's median divided by it. A quotient
// below 1 means that weir is better.
//
//	go test -run xxx -bench . -cpu 2 -count 5 . | go run ./ratio
//
// Its flags:
//
//	-metric cpu-ns/op     shows only these figures, separated by commas
//	-peer chunks          divides each median by that of this implementation
//	-first old.txt        adds the figures of weir from the output of another
//	                      version, as implementations first:weir and so on
//	-bars                 prints what weir must reach, and what it does reach
//
// It shows several implementations in a table that fits a page, as quotients.
// benchstat shows two at a time well, with their spread, and is the better tool
// to compare two commits.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/weir-go/weir/bench/internal/record"
)

func main() {
	if err := run(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "ratio:", err)
		}
		os.Exit(2)
	}
}

func run(args []string, in io.Reader, out io.Writer) error {
	flags := flag.NewFlagSet("ratio", flag.ContinueOnError)
	metric := flags.String("metric", "", "show only these figures, separated by commas")
	peer := flags.String("peer", "", "divide each median by that of this `implementation`")
	first := flags.String("first", "", "add the figures of weir from the output of another version, a `file`")
	judge := flags.Bool("bars", false, "print what weir must reach, and what it does reach")
	cpu := flags.String("cpu", "2", "with -bars: the `number` of processors")
	if err := flags.Parse(args); err != nil {
		return err
	}
	r, err := read(flags.Args(), *first, in)
	switch {
	case err != nil:
		return err
	case r.Empty():
		return errors.New("no benchmark with /impl= in the input")
	case *judge:
		return printBars(out, r, *cpu)
	}
	t := record.Table{Peer: *peer}
	if *metric != "" {
		t.Units = strings.Split(*metric, ",")
	}
	return t.Print(out, r)
}

// before is what the names of implementations of the first version begin with.
const before = "first:"

// read reads the files, or in if there are none, and the output of the first
// version.
func read(files []string, first string, in io.Reader) (*record.Record, error) {
	r := &record.Record{}
	if len(files) == 0 {
		if err := r.Read(in); err != nil {
			return nil, err
		}
	}
	for _, name := range files {
		if err := open(name, r.Read); err != nil {
			return nil, err
		}
	}
	if first == "" {
		return r, nil
	}
	return r, open(first, func(in io.Reader) error { return r.ReadAs(before, in) })
}

// open has read take what is in a file.
func open(name string, read func(io.Reader) error) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := read(f); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// Compile measures the cost to compile a user's package whose stages each have a
// type of their own. It compares weir's Map, a section in each stage, rill, and
// channels by hand. It generates the packages and calls the compiler on each of
// them alone. It prints a line for each measurement, in the format of go test
// -bench, and a table of the medians:
//
//	cd bench
//	go run ./compile | tee compile.txt
//
// The figures are the processor time of the compiler, user and system, the size
// of the package's archive, and that of the stripped binary. CompileFurther is
// the processor time of one type more: the difference of the largest package and
// the smallest, divided by the types between them.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/weir-go/weir/bench/internal/record"
)

func main() {
	types := flag.String("types", "1,5,15", "the numbers of item types, separated by commas")
	impls := flag.String("impl", strings.Join(kinds, ","), "the implementations, separated by commas")
	count := flag.Int("count", 5, "the number of measurements of each")
	flag.Parse()
	sizes, err := numbers(*types)
	if err == nil {
		err = report(os.Stdout, strings.Split(*impls, ","), sizes, *count)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "compile:", err)
		os.Exit(1)
	}
}

// numbers returns the numbers of a list, ascending.
func numbers(list string) (ns []int, err error) {
	for field := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(field)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("-types: %q is not a number of types", field)
		}
		ns = append(ns, n)
	}
	slices.Sort(ns)
	return slices.Compact(ns), nil
}

// report prints the measurements and the table.
func report(out io.Writer, impls []string, sizes []int, count int) error {
	dir, err := os.MkdirTemp("", "compile")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var lines bytes.Buffer
	if err := measure(io.MultiWriter(out, &lines), dir, impls, sizes, count); err != nil {
		return err
	}
	var r record.Record
	if err := r.Read(&lines); err != nil {
		return err
	}
	fmt.Fprintln(out)
	return record.Table{}.Print(out, &r)
}

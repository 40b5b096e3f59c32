package main

import (
	"fmt"
	"io"
	"runtime"
	"time"
)

// measure measures each package count times, in turns, and prints the figures.
func measure(out io.Writer, dir string, impls []string, sizes []int, count int) error {
	c, err := newCompiler(dir)
	if err != nil {
		return err
	}
	units := make([][]unit, len(impls)) // by size
	for i, impl := range impls {
		for _, n := range sizes {
			u, err := c.prepare(impl, n)
			if err != nil {
				return err
			}
			units[i] = append(units[i], u)
		}
	}
	for range count {
		for _, row := range units {
			if err := c.round(out, row); err != nil {
				return err
			}
		}
	}
	return nil
}

// round measures the packages of an implementation once. They ascend in size.
func (c *compiler) round(out io.Writer, units []unit) error {
	var times []time.Duration
	for _, u := range units {
		cpu, archive, err := c.compile(u)
		if err != nil {
			return err
		}
		binary, err := c.link(u)
		if err != nil {
			return err
		}
		times = append(times, cpu)
		line(out, fmt.Sprintf("Compile/types=%d", u.types), u.kind,
			"%d cpu-ns/op\t%d archive-B\t%d binary-B", cpu, archive, binary)
	}
	first, last := units[0], units[len(units)-1]
	if types := last.types - first.types; types > 0 {
		further := (times[len(times)-1] - times[0]) / time.Duration(types)
		line(out, "CompileFurther", first.kind, "%d cpu-ns/op", further)
	}
	return nil
}

// line prints a result as go test -bench does.
func line(out io.Writer, question, impl, format string, figures ...any) {
	suffix := ""
	if n := runtime.GOMAXPROCS(0); n > 1 {
		suffix = fmt.Sprintf("-%d", n)
	}
	fmt.Fprintf(out, "Benchmark%s/impl=%s%s\t1\t%s\n", question, impl, suffix, fmt.Sprintf(format, figures...))
}

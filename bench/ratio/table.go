package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
)

// ours is whom the others are measured against.
const ours = "weir"

// print writes a block for each question and unit, and below it what the
// implementations allocate.
func (r *record) print(out io.Writer) error {
	done := map[string]bool{}
	for _, p := range r.order {
		if done[p.question] {
			continue
		}
		done[p.question] = true
		if err := r.block(out, p.question); err != nil {
			return err
		}
	}
	return nil
}

// block prints a question: a line for each implementation, with a median and a
// ratio for each unit that is not a count.
func (r *record) block(out io.Writer, question string) error {
	impls, units := r.axes(question)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "%s\t", question)
	for _, u := range units {
		fmt.Fprintf(w, "%s\t", u)
		if compared(u) {
			fmt.Fprintf(w, "%s/it\t", ours)
		}
	}
	fmt.Fprintln(w)
	for _, impl := range impls {
		fmt.Fprintf(w, "%s\t", impl)
		for _, u := range units {
			v := median(r.series[place{question, impl, u}])
			fmt.Fprintf(w, "%s\t", figure(v))
			if compared(u) {
				fmt.Fprintf(w, "%s\t", quotient(median(r.series[place{question, ours, u}]), v))
			}
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintln(w)
	return w.Flush()
}

// axes are the implementations and the units of a question, as first seen.
func (r *record) axes(question string) (impls, units []string) {
	seen := map[string]bool{}
	for _, p := range r.order {
		if p.question != question {
			continue
		}
		if !seen["impl "+p.impl] {
			impls = append(impls, p.impl)
		}
		if !seen["unit "+p.unit] {
			units = append(units, p.unit)
		}
		seen["impl "+p.impl], seen["unit "+p.unit] = true, true
	}
	return impls, units
}

// compared reports a unit of time, of which less is better. Allocations are
// shown and not divided: most of ours are 0.
func compared(unit string) bool { return strings.Contains(unit, "ns") }

func figure(v float64) string {
	if v >= 100 || v == float64(int64(v)) {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}

func quotient(a, b float64) string {
	if a == 0 || b == 0 {
		return "-"
	}
	return strconv.FormatFloat(a/b, 'f', 3, 64)
}

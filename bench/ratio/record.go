package main

import (
	"bufio"
	"io"
	"slices"
	"strconv"
	"strings"
)

// place is one line of the table: what was measured, of whom.
type place struct{ question, impl, unit string }

// record is what the input says.
type record struct {
	series map[place][]float64
	order  []place // as first seen
}

// read adds the lines of in that are results of an implementation; all others
// are none of its business.
func (r *record) read(in io.Reader) error {
	if r.series == nil {
		r.series = map[place][]float64{}
	}
	sc := bufio.NewScanner(in)
	for sc.Scan() {
		fields := strings.Fields(sc.Text())
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		question, impl, ok := split(fields[0])
		if !ok {
			continue
		}
		for i := 2; i+1 < len(fields); i += 2 {
			if v, err := strconv.ParseFloat(fields[i], 64); err == nil {
				r.add(place{question, impl, fields[i+1]}, v)
			}
		}
	}
	return sc.Err()
}

func (r *record) add(p place, v float64) {
	if _, known := r.series[p]; !known {
		r.order = append(r.order, p)
	}
	r.series[p] = append(r.series[p], v)
}

// split takes the implementation out of a benchmark's name. The suffix for the
// number of processors stays with the question: figures of different numbers
// are not to be mixed.
func split(name string) (question, impl string, ok bool) {
	var parts []string
	cpu := "1"
	for part := range strings.SplitSeq(strings.TrimPrefix(name, "Benchmark"), "/") {
		value, is := strings.CutPrefix(part, "impl=")
		if !is {
			parts = append(parts, part)
			continue
		}
		impl, ok = value, true
		// A name may have hyphens of its own; a number at the end is the suffix.
		if i := strings.LastIndexByte(impl, '-'); i >= 0 {
			if _, err := strconv.Atoi(impl[i+1:]); err == nil {
				impl, cpu = impl[:i], impl[i+1:]
			}
		}
	}
	return strings.Join(parts, "/") + " cpu=" + cpu, impl, ok
}

// median is 0 where there is nothing.
func median(vs []float64) float64 {
	s := slices.Sorted(slices.Values(vs))
	n := len(s)
	switch {
	case n == 0:
		return 0
	case n%2 == 1:
		return s[n/2]
	}
	return (s[n/2-1] + s[n/2]) / 2
}

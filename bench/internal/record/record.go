package record

import (
	"bufio"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"
)

// Place names a series of figures: what was measured, of which implementation.
type Place struct{ Question, Impl, Unit string }

// Record is the figures of some runs. The zero value is empty.
type Record struct {
	series map[Place][]float64
	order  []Place // as first seen
}

// Empty reports whether there is no figure.
func (r *Record) Empty() bool { return len(r.series) == 0 }

// Add adds a figure.
func (r *Record) Add(p Place, v float64) {
	if r.series == nil {
		r.series = map[Place][]float64{}
	}
	if _, known := r.series[p]; !known {
		r.order = append(r.order, p)
	}
	r.series[p] = append(r.series[p], v)
}

// Read adds the figures of all lines of in that are results of an
// implementation, in the format of go test -bench. It skips the other lines.
func (r *Record) Read(in io.Reader) error {
	sc := bufio.NewScanner(in)
	for sc.Scan() {
		for p, v := range figures(sc.Text()) {
			r.Add(p, v)
		}
	}
	return sc.Err()
}

// ReadAs is Read for another version of the same benchmarks: it takes only the
// implementations of weir, and puts the prefix before their names.
func (r *Record) ReadAs(prefix string, in io.Reader) error {
	sc := bufio.NewScanner(in)
	for sc.Scan() {
		for p, v := range figures(sc.Text()) {
			if strings.HasPrefix(p.Impl, Ours) {
				p.Impl = prefix + p.Impl
				r.Add(p, v)
			}
		}
	}
	return sc.Err()
}

// Median returns the median of a place. It reports false if there is no figure.
func (r *Record) Median(p Place) (float64, bool) {
	s := slices.Sorted(slices.Values(r.series[p]))
	n := len(s)
	switch {
	case n == 0:
		return 0, false
	case n%2 == 1:
		return s[n/2], true
	}
	return (s[n/2-1] + s[n/2]) / 2, true
}

// figures yields the figures of a line.
func figures(line string) iter.Seq2[Place, float64] {
	return func(yield func(Place, float64) bool) {
		fields := strings.Fields(line)
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			return
		}
		question, impl, ok := split(fields[0])
		if !ok {
			return
		}
		for i := 2; i+1 < len(fields); i += 2 {
			v, err := strconv.ParseFloat(fields[i], 64)
			if err == nil && !yield(Place{question, impl, fields[i+1]}, v) {
				return
			}
		}
	}
}

// split takes the implementation out of a benchmark's name. The suffix for the
// number of processors stays with the question: figures of different numbers
// must not be mixed.
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
	return Question(strings.Join(parts, "/"), cpu), impl, ok
}

// Question returns the question of a benchmark's name, without impl=, and a
// number of processors.
func Question(name, cpu string) string { return name + " cpu=" + cpu }

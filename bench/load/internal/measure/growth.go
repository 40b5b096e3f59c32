package measure

import (
	"errors"
	"fmt"
	"slices"
)

// minSamples is how many it takes to tell growth from noise.
const minSamples = 40

// Growth compares the second fifth of a soak, when everything has warmed up,
// with its last, and returns an error that says what has grown, nil if nothing
// has. Medians are compared, so that one collection more or less does not
// matter; a quarter, and a constant for what is small, count as no growth.
func Growth(samples []Sample) error {
	n := len(samples)
	if n < minSamples {
		return fmt.Errorf("%d samples are too few to tell growth: the soak was too short", n)
	}
	early, late := samples[n/5:2*n/5], samples[4*n/5:]
	check := func(what string, of func(Sample) uint64, slack, unit uint64, name string) error {
		was, is := median(early, of), median(late, of)
		if is <= was+was/4+slack {
			return nil
		}
		return fmt.Errorf("%s grew from %d to %d%s", what, was/unit, is/unit, name)
	}
	return errors.Join(
		check("goroutines", func(s Sample) uint64 { return uint64(s.Goroutines) }, 32, 1, ""),
		check("the live heap", func(s Sample) uint64 { return s.Heap }, 2<<20, 1<<10, " kB"),
		check("the RSS", func(s Sample) uint64 { return s.RSS }, 8<<20, 1<<10, " kB"),
	)
}

func median(samples []Sample, of func(Sample) uint64) uint64 {
	values := make([]uint64, len(samples))
	for i, s := range samples {
		values[i] = of(s)
	}
	slices.Sort(values)
	return values[len(values)/2]
}

package main

import (
	"fmt"
	"io"
	"runtime"
	"text/tabwriter"
	"time"

	"github.com/weir-go/weir/bench/internal/meter"
)

// sweep is one table: the same run at several sizes.
type sweep struct {
	what  string // what the sizes count
	note  string // how to read it
	per   string // what bytes are divided by; "" if they are not divided
	sizes []int
	run   func(size int) (sample, error)
}

// sample is one row.
type sample struct {
	items      int
	cpu        time.Duration
	heap       uint64 // bytes at the height of the run
	goroutines int    // at the same moment
}

func (s sweep) print(out io.Writer) error {
	fmt.Fprintln(out, s.note)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "%s\titems\tns/item\tKiB live\tB/%s\tgoroutines\t\n", s.what, s.per)
	for _, size := range s.sizes {
		m, err := s.run(size)
		if err != nil {
			return fmt.Errorf("%s %d: %w", s.what, size, err)
		}
		fmt.Fprintf(w, "%d\t%d\t%.0f\t%d\t%.0f\t%d\t\n", size, m.items,
			float64(m.cpu)/float64(m.items), m.heap>>10, float64(m.heap)/float64(size), m.goroutines)
	}
	fmt.Fprintln(w)
	return w.Flush()
}

// probe looks at the process from inside a run.
type probe struct {
	before uint64        // live heap
	began  time.Duration // processor time
	spent  time.Duration // processor time of looking
	sample
}

func begin() *probe {
	p := &probe{before: meter.Heap()}
	p.began = meter.CPU()
	return p
}

// look notes the heap and the goroutines of this moment.
func (p *probe) look() {
	from := meter.CPU()
	if now := meter.Heap(); now > p.before {
		p.heap = now - p.before
	}
	p.goroutines = runtime.NumGoroutine()
	p.spent += meter.CPU() - from
}

// end closes the sample of a run of n items.
func (p *probe) end(n int) sample {
	p.cpu = meter.CPU() - p.began - p.spent
	p.items = n
	return p.sample
}

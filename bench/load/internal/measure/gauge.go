package measure

import (
	"runtime"
	"runtime/metrics"
	"slices"
	"sync"
	"time"
)

// Gauge looks at the process every now and then.
type Gauge struct {
	every time.Duration
	keep  bool
	stop  chan struct{}
	done  sync.WaitGroup

	begin   time.Time
	peak    int
	samples []Sample
}

// Sample is the process at one moment.
type Sample struct {
	Seconds    float64 `json:"seconds"`
	Goroutines int     `json:"goroutines"`
	// Heap is what the last collection found alive, RSS what the process occupies,
	// both in bytes; RSS is 0 where the system does not tell.
	Heap uint64 `json:"heap"`
	RSS  uint64 `json:"rss"`
}

// Watch begins to look at the process, until [Gauge.Stop]. Where keep is set it
// keeps the samples, else only the peak of the goroutines, which costs less.
func Watch(every time.Duration, keep bool) *Gauge {
	g := &Gauge{every: every, keep: keep, stop: make(chan struct{}), begin: time.Now()}
	if keep {
		g.samples = make([]Sample, 0, 1024)
	}
	g.done.Go(g.run)
	return g
}

// Stop looks a last time, ends it, and returns the most goroutines there were, its own not counted,
// and the samples.
func (g *Gauge) Stop() (peak int, samples []Sample) {
	close(g.stop)
	g.done.Wait()
	return g.peak, slices.Clip(g.samples)
}

func (g *Gauge) run() {
	ticker := time.NewTicker(g.every)
	defer ticker.Stop()
	for {
		g.look()
		select {
		case <-ticker.C:
		case <-g.stop:
			g.look()
			return
		}
	}
}

func (g *Gauge) look() {
	n := runtime.NumGoroutine() - 1
	g.peak = max(g.peak, n)
	if g.keep {
		g.samples = append(g.samples, Sample{
			Seconds: time.Since(g.begin).Seconds(), Goroutines: n, Heap: liveHeap(), RSS: memory("VmRSS"),
		})
	}
}

func liveHeap() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

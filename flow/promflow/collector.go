package promflow

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/weir-go/weir/flow"
)

// Collector is a [prometheus.Collector] for the runs of a process. It must be made by
// [NewCollector]. Its methods may be called from any goroutine.
//
// One collector serves all flows of a process. They need different names ([flow.Named]), because
// a run replaces another one with the same name. A run that has ended is shown until then, or
// until [Collector.Remove], so that its last figures are scraped.
type Collector struct {
	mu    sync.Mutex
	runs  []*flow.Run // Guarded by: mu. With different names, in the order in which they came
	order map[string]int
}

// NewCollector returns a collector of no runs.
func NewCollector() *Collector { return &Collector{order: map[string]int{}} }

// Watch returns an option with which the collector shows the run from its start on.
func (c *Collector) Watch() flow.RunOption { return flow.OnStart(c.Add) }

// Add shows a run, in place of the one with its name if there is one.
func (c *Collector) Add(r *flow.Run) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i, ok := c.order[r.Name()]; ok {
		c.runs[i] = r
		return
	}
	c.order[r.Name()] = len(c.runs)
	c.runs = append(c.runs, r)
}

// Remove stops showing the run. It does nothing if the run is not shown.
func (c *Collector) Remove(r *flow.Run) {
	c.mu.Lock()
	defer c.mu.Unlock()
	i, ok := c.order[r.Name()]
	if !ok || c.runs[i] != r {
		return
	}
	c.runs = append(c.runs[:i:i], c.runs[i+1:]...)
	delete(c.order, r.Name())
	for name, at := range c.order {
		if at > i {
			c.order[name] = at - 1
		}
	}
}

// Describe implements [prometheus.Collector]. It describes nothing, because the figures of layers
// are known only at a scrape.
func (c *Collector) Describe(chan<- *prometheus.Desc) {}

// Collect implements [prometheus.Collector].
func (c *Collector) Collect(to chan<- prometheus.Metric) {
	c.mu.Lock()
	runs := c.runs[:len(c.runs):len(c.runs)]
	c.mu.Unlock()
	for _, r := range runs {
		s := scrape{to: to, flow: r.Name()}
		s.run(r.Status())
		s.distributions(r.Snapshot())
	}
}

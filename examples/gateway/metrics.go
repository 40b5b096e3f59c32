package main

import (
	"maps"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// counts counts the responses to clients. The zero value is ready.
type counts struct {
	mu       sync.Mutex
	statuses [600]int64
	latency  latency // of the answers
}

func (c *counts) answered(after time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.statuses[http.StatusOK]++
	c.latency.add(after)
}

func (c *counts) refused(status int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.statuses[status]++
}

// figures returns how often the gateway sent each status, and how long answers took.
func (c *counts) figures() (statuses map[string]int64, latencies map[string]any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	statuses = map[string]int64{}
	for status, n := range c.statuses {
		if n > 0 {
			statuses[strconv.Itoa(status)] = n
		}
	}
	l := &c.latency
	return statuses, map[string]any{
		"count": l.count, "p50_ms": milliseconds(l.quantile(0.5)), "p90_ms": milliseconds(l.quantile(0.9)),
		"p99_ms": milliseconds(l.quantile(0.99)), "longest_ms": milliseconds(l.longest),
	}
}

// metrics shows the figures of the gateway so far: those of its flow, as every flow shows them,
// and its own.
func (g *gateway) metrics(w http.ResponseWriter, _ *http.Request) {
	statuses, latencies := g.counts.figures()
	reply(w, http.StatusOK, map[string]any{
		"flow":        g.calls.Status(),
		"responses":   statuses,
		"latency":     latencies,
		"door":        maps.Collect(g.door.Snapshot().Figures()),
		"connections": maps.Collect(g.connections.Snapshot().Figures()),
	})
}

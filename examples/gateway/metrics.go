package main

import (
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/dedup"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/retry"
)

// counts is what clients have seen of the gateway. The zero value is ready.
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

// figures returns how often each status was sent, and how long answers took.
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

// metrics shows what the gateway has done so far.
func (g *gateway) metrics(w http.ResponseWriter, _ *http.Request) {
	report := g.calls.Snapshot()
	statuses, latencies := g.counts.figures()
	all := map[string]any{
		"elapsed_ms": milliseconds(report.Elapsed),
		"ledger":     figures(report.Ledger),
		"responses":  statuses,
		"latency":    latencies,
	}
	stages := map[string]any{}
	for _, s := range report.Stages {
		stages[s.Name] = map[string]any{"ledger": figures(s.Ledger), "effort": figures(s.Effort), "workers": s.Workers}
		for _, layer := range s.Layers {
			all[kind(layer)] = figures(layer)
		}
	}
	all["stages"] = stages
	reply(w, http.StatusOK, all)
}

// kind names the primitive that a snapshot is of.
func kind(snapshot any) string {
	switch snapshot.(type) {
	case guard.Snapshot:
		return "guard"
	case dedup.Snapshot:
		return "dedup"
	case breaker.Snapshot:
		return "breaker"
	case retry.Snapshot:
		return "retry"
	}
	return fmt.Sprintf("%T", snapshot)
}

// figures is a struct as JSON is written: with_underscores, durations in
// milliseconds, and names for what has a name.
func figures(v any) any {
	s := reflect.ValueOf(v)
	switch s.Kind() {
	case reflect.Slice:
		list := make([]any, s.Len())
		for i := range list {
			list[i] = figures(s.Index(i).Interface())
		}
		return list
	case reflect.Struct:
	default:
		return v
	}
	all := map[string]any{}
	for i := range s.NumField() {
		name := underscored(s.Type().Field(i).Name)
		switch value := s.Field(i).Interface().(type) {
		case time.Duration:
			all[name+"_ms"] = milliseconds(value)
		case fmt.Stringer:
			all[name] = value.String()
		default:
			all[name] = figures(value)
		}
	}
	return all
}

// underscored turns MaxEntries into max_entries, and TTL into ttl.
func underscored(name string) string {
	var b strings.Builder
	for i, r := range name {
		if unicode.IsUpper(r) && i > 0 && !unicode.IsUpper(rune(name[i-1])) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

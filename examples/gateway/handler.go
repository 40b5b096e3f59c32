package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/weir-go/weir/stages"
)

// complete answers one chat completion.
func (g *gateway) complete(w http.ResponseWriter, r *http.Request) {
	begun := time.Now()
	answer, timings, err := g.ask(w, r)
	if timing := serverTiming(timings); timing != "" {
		w.Header().Set("Server-Timing", timing)
	}
	if err != nil {
		f := refuse(err)
		g.counts.refused(f.status)
		f.write(w)
		return
	}
	g.counts.answered(time.Since(begun))
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(answer) // a client that has gone is none of the gateway's business
}

// ask reads the request and sends it through the flow. The flow hears at once when
// the client goes away, or has waited for long enough.
func (g *gateway) ask(w http.ResponseWriter, r *http.Request) (json.RawMessage, stages.Timings, error) {
	wait, err := patience(r.Header, g.timeout)
	if err != nil {
		return nil, stages.Timings{}, badRequest{err}
	}
	q, err := read(w, r, g.model)
	if err != nil {
		return nil, stages.Timings{}, badRequest{err}
	}
	ctx, cancel := context.WithTimeoutCause(r.Context(), wait, late(wait))
	defer cancel()
	result := g.calls.Do(ctx, q)
	switch {
	case result.Err != nil && r.Context().Err() != nil:
		return nil, result.Timings, errGone
	case result.Err != nil && ctx.Err() != nil:
		return nil, result.Timings, context.Cause(ctx)
	}
	return result.Value, result.Timings, result.Err
}

// serverTiming is the timings as the standard header tells them, in milliseconds: for
// each stage how long the request waited for it, and how long it was worked on.
func serverTiming(t stages.Timings) string {
	if t.Len() == 0 {
		return ""
	}
	var parts []string
	for s := range t.All() {
		if s.Stage == "calls" {
			continue // where requests come in; it costs nothing
		}
		parts = append(parts,
			fmt.Sprintf("%s-wait;dur=%.3f", s.Stage, milliseconds(s.Wait)),
			fmt.Sprintf("%s;dur=%.3f;desc=%q", s.Stage, milliseconds(s.Work), calls(s.Attempts)))
	}
	return strings.Join(append(parts, fmt.Sprintf("total;dur=%.3f", milliseconds(t.Total()))), ", ")
}

// calls says how often the model was asked for a request.
func calls(n int) string {
	switch n {
	case 0:
		return "shared" // with an equal request, of now or of before
	case 1:
		return "1 call"
	}
	return fmt.Sprintf("%d calls", n)
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

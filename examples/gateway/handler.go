package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/weir-go/weir/stages"
)

// places is how many requests the gateway reads, works on and answers at a time. A
// request holds at most a body and an answer, so the number of places bounds the memory
// of all requests. There are 1.5 places for each request that the flow takes: the rest
// is for bodies that arrive and answers that leave.
func (c config) places() int { return c.limit + (c.limit+1)/2 }

// complete answers one chat completion. The request gets its place at the door before
// its body is read, and keeps it until its answer is written.
func (g *gateway) complete(w http.ResponseWriter, r *http.Request) {
	begun := time.Now()
	wait, err := patience(r.Header, g.wait)
	if err != nil {
		g.refuse(w, badRequest{err})
		return
	}
	ctx, cancel := context.WithTimeoutCause(r.Context(), wait, late(wait))
	defer cancel()
	place, err := g.door.Acquire(ctx)
	if err != nil {
		g.refuse(w, reason(ctx, r, wait, err))
		return
	}
	defer place.Release()
	answer, timings, err := g.ask(ctx, w, r, wait)
	if timing := serverTiming(timings); timing != "" {
		w.Header().Set("Server-Timing", timing)
	}
	if err != nil {
		g.refuse(w, err)
		return
	}
	g.counts.answered(time.Since(begun))
	g.write(w, answer)
}

// ask reads the request and sends it through the flow. When the client goes away, or
// its time is up, ctx ends, and the flow stops its work on the request at once.
func (g *gateway) ask(ctx context.Context, w http.ResponseWriter, r *http.Request, wait time.Duration) (json.RawMessage, stages.Timings, error) {
	body, err := read(w, r, g.transfer)
	if err != nil {
		return nil, stages.Timings{}, badRequest{err}
	}
	q, err := decode(body, g.model)
	if err != nil {
		return nil, stages.Timings{}, badRequest{err}
	}
	result := g.calls.Do(ctx, q)
	return result.Value, result.Timings, reason(ctx, r, wait, result.Err)
}

// write sends the answer. A client that does not take it in time loses its connection.
// Errors are dropped: the client may have gone.
func (g *gateway) write(w http.ResponseWriter, answer json.RawMessage) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(g.transfer))
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(answer)
}

// refuse tells the client why it gets no answer.
func (g *gateway) refuse(w http.ResponseWriter, err error) {
	f := refuse(err)
	g.counts.refused(f.status)
	f.write(w)
}

// reason returns why a request that waited has no answer: its client has gone, its time
// is up, or err. It returns nil if err is nil. The client's time is the only deadline of
// an item in this flow; the time of the model is a [stages.ErrTimeout].
func reason(ctx context.Context, r *http.Request, wait time.Duration, err error) error {
	switch {
	case err == nil:
		return nil
	case r.Context().Err() != nil:
		return errGone
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, stages.ErrExpired): // the flow saw the deadline before the timer of ctx rang
		return late(wait)
	}
	return err
}

// serverTiming returns the value of the standard header for timings. For each stage it
// has the milliseconds that the request waited, and that the stage worked on it.
func serverTiming(t stages.Timings) string {
	if t.Len() == 0 {
		return ""
	}
	var parts []string
	for s := range t.All() {
		if s.Stage == "calls" {
			continue // the source of the flow, which costs nothing
		}
		parts = append(parts,
			fmt.Sprintf("%s-wait;dur=%.3f", s.Stage, milliseconds(s.Wait)),
			fmt.Sprintf("%s;dur=%.3f;desc=%q", s.Stage, milliseconds(s.Work), calls(s.Attempts)))
	}
	return strings.Join(append(parts, fmt.Sprintf("total;dur=%.3f", milliseconds(t.Total()))), ", ")
}

// calls says how often the gateway asked the model for a request.
func calls(n int) string {
	switch n {
	case 0:
		return "shared" // the call, or the answer, of an equal request
	case 1:
		return "1 call"
	}
	return fmt.Sprintf("%d calls", n)
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

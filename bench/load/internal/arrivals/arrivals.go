package arrivals

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/weir-go/weir/bench/load/internal/job"
)

const (
	// HotShare of the arrivals ask for one of HotKeys keys, and can share calls;
	// each other one has a key of its own.
	HotShare = 0.2
	HotKeys  = 8
)

// Process is the sequence of arrivals that a seed and a rate make. It is used by
// one goroutine.
type Process struct {
	dice *rand.Rand
	rate float64
	id   int64
	at   float64 // seconds from the beginning
}

// New returns the process with rate arrivals a second in the mean.
func New(seed uint64, rate float64) *Process {
	return &Process{dice: rand.New(rand.NewPCG(seed, 0)), rate: rate}
}

// Next returns the next arrival, and when it is due, from the beginning.
func (p *Process) Next() (job.Arrival, time.Duration) {
	p.at += p.dice.ExpFloat64() / p.rate
	a := job.Arrival{ID: p.id, Key: uint64(HotKeys + p.id)}
	if p.dice.Float64() < HotShare {
		a.Key = uint64(p.dice.IntN(HotKeys))
	}
	p.id++
	return a, time.Duration(p.at * float64(time.Second))
}

// Sent is what has been sent.
type Sent struct {
	Count int64
	// Late is how late each was sent, in microseconds: because the machine was
	// busy, or because the receiver was. It is part of the latencies.
	Late *hdrhistogram.Histogram
}

// Send sends all arrivals that are due within d of begin, each when it is due,
// and returns when it has, or when ctx has ended. It does not close out.
func (p *Process) Send(ctx context.Context, out chan<- job.Arrival, begin time.Time, d time.Duration) Sent {
	sent := Sent{Late: hdrhistogram.New(1, time.Minute.Microseconds(), 2)}
	timer := time.NewTimer(0)
	defer timer.Stop()
	<-timer.C
	for {
		a, at := p.Next()
		if at >= d {
			return sent
		}
		a.Due = begin.Add(at)
		if wait := time.Until(a.Due); wait > 0 {
			timer.Reset(wait)
			select {
			case <-timer.C:
			case <-ctx.Done():
				return sent
			}
		}
		select {
		case out <- a:
		case <-ctx.Done():
			return sent
		}
		sent.Count++
		// A value beyond the range would be an hour's worth of trouble elsewhere.
		_ = sent.Late.RecordValue(time.Since(a.Due).Microseconds())
	}
}

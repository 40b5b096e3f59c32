package lineage

import "time"

// Clock is the time of a run, which begins at 0.
type Clock struct{ base time.Time }

// NewClock returns a clock that begins now.
func NewClock() Clock { return Clock{time.Now()} }

// Now returns the nanoseconds since the run began.
func (c Clock) Now() int64 { return int64(time.Since(c.base)) }

// At returns t in the time of the run.
func (c Clock) At(t time.Time) int64 { return int64(t.Sub(c.base)) }

// Time returns the wall clock at a time of the run.
func (c Clock) Time(at int64) time.Time { return c.base.Add(time.Duration(at)) }

package lineage

import "time"

// Past is what happened to an item before it entered the flow, in another part of its graph.
type Past struct {
	Age     time.Duration // since it entered the first part
	Timings []Timing
}

// before returns what happened to the item before it entered the flow, nil for nothing.
func (t *Trail) before() *Past {
	if x := t.peek(); x != nil {
		return x.past
	}
	return nil
}

// Entered returns when the item entered the first part of its graph, in the time of the run.
func (t *Trail) Entered() int64 {
	if p := t.before(); p != nil {
		return t.Born() - int64(p.Age)
	}
	return t.Born()
}

// Timing is the time that one stage spent on one item.
type Timing struct {
	Stage      string
	Wait, Work time.Duration
	Attempts   int
}

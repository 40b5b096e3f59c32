package work

// Haul counts what came out at the end.
type Haul struct {
	Count, Sum int
	Groups     int // slices and windows
	Disorder   int // items smaller than the one before
	last       int
}

// Broken is the haul of a run that ended with an error.
func Broken() Haul { return Haul{Count: -1} }

// Add is what the sink of every implementation does with an item.
func (h *Haul) Add(v int) {
	if v < h.last {
		h.Disorder++
	}
	h.last = v
	h.Count++
	h.Sum += v
}

// AddAll is what it does with a slice of them.
func (h *Haul) AddAll(vs []int) {
	h.Groups++
	for _, v := range vs {
		h.Add(v)
	}
}

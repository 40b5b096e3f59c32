package dedup

// queue is the results of a shard in the order in which they were kept. It is a
// ring of 16 bytes for each, read and written one after the other, so that to
// find out which result is the oldest, and whether it has expired, misses no
// cache. A result that goes out of turn leaves a gap, which is closed when the
// ring is full.
type queue struct {
	cells      []cell // a power of two
	weights    []int64
	head, tail uint32 // of inFlight-1: a place is never taken for a flight
	live       int
	weight     int64
}

type cell struct {
	expires int64  // as in the entry, but an error's is not below 0
	at      uint32 // the entry; none in a gap
}

const minCells = 8

func (q *queue) reset(cells int, weighs bool) {
	n := minCells
	for n < cells {
		n *= 2
	}
	*q = queue{cells: make([]cell, n)}
	if weighs {
		q.weights = make([]int64, n)
	}
}

func next(place uint32) uint32 { return (place + 1) & (inFlight - 1) }

func (q *queue) index(place uint32) int { return int(place) & (len(q.cells) - 1) }

func (q *queue) cell(place uint32) *cell { return &q.cells[q.index(place)] }

// len returns the number of results and gaps.
func (q *queue) len() int { return int((q.tail - q.head) & (inFlight - 1)) }

func (q *queue) full() bool { return q.len() == len(q.cells) }

// push adds the youngest, and returns its place. The ring must not be full.
func (q *queue) push(at uint32, expires, weight int64) uint32 {
	place := q.tail
	q.tail = next(place)
	*q.cell(place) = cell{expires, at}
	if q.weights != nil {
		q.weights[q.index(place)] = weight
		q.weight += weight
	}
	q.live++
	return place
}

// drop makes a gap, and closes those at the old end: the head is never a gap.
func (q *queue) drop(place uint32) {
	q.cell(place).at = none
	if q.weights != nil {
		q.weight -= q.weights[q.index(place)]
	}
	q.live--
	for q.head != q.tail && q.cell(q.head).at == none {
		q.head = next(q.head)
	}
}

// oldest returns the cell at the head, nil where there is none.
func (q *queue) oldest() *cell {
	if q.live == 0 {
		return nil
	}
	return q.cell(q.head)
}

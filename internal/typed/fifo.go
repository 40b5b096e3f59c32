package typed

// FIFO is a queue of values in the order in which they came. It reuses its memory, and keeps no
// value alive that was popped. The zero value is empty.
type FIFO[E any] struct {
	all  []E
	head int
}

// Len returns the number of values.
func (q *FIFO[E]) Len() int { return len(q.all) - q.head }

// First returns the value that came first. There must be one.
func (q *FIFO[E]) First() *E { return &q.all[q.head] }

// At returns the value at index i. The oldest value has index 0.
func (q *FIFO[E]) At(i int) *E { return &q.all[q.head+i] }

// Push adds a value.
func (q *FIFO[E]) Push(v E) {
	if q.head > 64 && 2*q.head > len(q.all) {
		n := copy(q.all, q.all[q.head:])
		clear(q.all[n:])
		q.all, q.head = q.all[:n], 0
	}
	q.all = append(q.all, v)
}

// Pop removes and returns the value that came first. There must be one.
func (q *FIFO[E]) Pop() E {
	v := q.all[q.head]
	q.all[q.head] = *new(E)
	if q.head++; q.head == len(q.all) {
		q.all, q.head = q.all[:0], 0
	}
	return v
}

// Cut removes and returns the value at index i. The oldest value has index 0.
func (q *FIFO[E]) Cut(i int) E {
	if i == 0 {
		return q.Pop()
	}
	at := q.head + i
	v := q.all[at]
	copy(q.all[at:], q.all[at+1:])
	q.all[len(q.all)-1] = *new(E)
	q.all = q.all[:len(q.all)-1]
	return v
}

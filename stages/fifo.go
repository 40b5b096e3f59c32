package stages

// fifo is values in the order they came. It uses its memory again, and lets go
// of what it has handed out.
type fifo[E any] struct {
	all  []E
	head int
}

func waitingIn[E any](q *fifo[E]) int { return len(q.all) - q.head }

// firstOf returns the value that has waited longest. There must be one.
func firstOf[E any](q *fifo[E]) *E { return &q.all[q.head] }

func push[E any](q *fifo[E], v E) {
	if q.head > batchSize && 2*q.head > len(q.all) {
		n := copy(q.all, q.all[q.head:])
		clear(q.all[n:])
		q.all, q.head = q.all[:n], 0
	}
	q.all = append(q.all, v)
}

// pop takes the first value. There must be one.
func pop[E any](q *fifo[E]) E {
	var none E
	v := q.all[q.head]
	q.all[q.head] = none
	if q.head++; q.head == len(q.all) {
		q.all, q.head = q.all[:0], 0
	}
	return v
}

// cut takes the i-th value of those that wait, 0 being the first.
func cut[E any](q *fifo[E], i int) E {
	if i == 0 {
		return pop(q)
	}
	var none E
	at := q.head + i
	v := q.all[at]
	copy(q.all[at:], q.all[at+1:])
	q.all[len(q.all)-1] = none
	q.all = q.all[:len(q.all)-1]
	return v
}
